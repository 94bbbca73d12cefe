"""Golden hashes: a change of physics is seen, and has to be meant.

`tests/golden/<id without its slash>.json` holds, by platform, one hash of all bits of fixed
episodes, and beside it what came of them. On a recorded platform the bits have to match. On another
one a last bit may round differently, so there the outcome is compared and a warning says so.

The platform here is that of `experiments.run.platform_fingerprint` less PyTorch: plain environments
never load it (`tests/test_layers.py`), so that another PyTorch is not another platform.

After a change that is meant: `pytest tests/contract/test_golden.py --update-golden`.

A task from outside (`MONOZUKURI_PATH`) has its golden file in `golden/` of its own folder, if it wants one:
our files are about our physics and must not depend on which folders somebody names. Nor must our cases: arms
from outside are run by tasks from outside only.
"""

import hashlib
import json
import re
import warnings
from dataclasses import replace
from pathlib import Path

import cells
import gymnasium
import numpy as np
import pytest

import envs
from configs import extensions
from experiments.run import platform_fingerprint
from robots.catalog import ARMS

FOLDER = Path(__file__).resolve().parent.parent / "golden"
HOW = "if that is meant: pytest tests/contract/test_golden.py --update-golden"
SEEDS = (0, 1, 2_000_000)
DEFAULT_ARM = "lrmate200id"
# On another platform: how far off an outcome may be.
FIRST_OBS, COLOUR = 1e-4, 2.0

CASES = {
    "expert": (DEFAULT_ARM, cells.expert),
    "random_then_expert": (DEFAULT_ARM, cells.random_then_expert),
    **{f"expert {arm}": (arm, cells.expert) for arm in ARMS if arm != DEFAULT_ARM},
}
OUTSIDE_ARMS = extensions.added("arms")


def file_from_outside(env_id):
    """The file of a task from outside, None for a built-in one."""
    return extensions.added("tasks").get(gymnasium.spec(env_id).kwargs["task"])


OWN_IDS = tuple(i for i in envs.CELL_IDS if file_from_outside(i) is None)


def cases(env_id):
    """Names of the cases of a task: with our arms, from outside with the usual one and theirs."""
    arms = set(ARMS) - set(OUTSIDE_ARMS) if env_id in OWN_IDS else {DEFAULT_ARM, *OUTSIDE_ARMS}
    return tuple(name for name, (arm, _) in CASES.items() if arm in arms)


def golden_path(env_id):
    """Where a task's golden file is."""
    file = file_from_outside(env_id)
    folder = file.parent.parent / "golden" if file else FOLDER
    return folder / f"{env_id.replace('/', '-')}.json"


def platform():
    """Return a short hash of what the bits of an environment depend on."""
    parts = platform_fingerprint()
    for name in ("torch", "fingerprint"):
        del parts[name]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def rounded(values):
    return [round(float(v), 6) + 0.0 for v in values]


def computed(env_id, engine=None, names=()):
    """Return this machine's (hashes, outcome); `engine` changes physics parameters."""
    hashes, outcome = {}, {}
    for name in names or cases(env_id):
        robot, act = CASES[name]
        env = cells.make(env_id, observation="flat", robot=robot)
        env.world.engine = replace(env.world.engine, **(engine or {}))
        trails, outcome[name] = [], []
        for seed in SEEDS:
            trail, n_steps, info = cells.episode(env, seed, act)
            trails += trail
            size = env.observation_space.shape[0]
            first, last = (np.frombuffer(t, np.float32, size) for t in (trail[0], trail[-1]))
            outcome[name].append({"seed": seed, "n_steps": n_steps, "success": info["is_success"],
                                  "first_obs": rounded(first), "last_obs": rounded(last)})  # fmt: skip
        hashes[name] = cells.digest(trails)
        env.close()
    return hashes, outcome


def frame(env_id):
    """Return the hash of one 64 px picture, and its mean colour."""
    env = cells.make(env_id, observation="rgb")
    env.reset(seed=SEEDS[0])
    for _ in range(3):
        observation = env.step(env.expert_action())[0]
    env.close()
    (picture,) = (v for v in observation.values() if v.ndim >= 3 and v.dtype == np.uint8)
    assert picture.shape[-3:] == (64, 64, 3)
    mean = picture.reshape(-1, 3).mean(axis=0)
    return hashlib.sha256(picture.tobytes()).hexdigest(), rounded(mean)


# Episodes of a file that may end much sooner or later on another platform.
RETRIES = 1


def slack(n_steps):
    """Steps that an episode may differ by: a last bit of gravity moves one loading by 12 of 85."""
    return max(3, n_steps // 5)


def outcome_differs(golden, now):
    """Return in words how an outcome is not the golden one, None where it is."""
    if golden.keys() != now.keys():
        return f"cases {sorted(now)} are not those of the golden file, {sorted(golden)}"
    longer = []
    for name in now:
        if name == "rgb_mean":
            if np.abs(np.subtract(now[name], golden[name])).max() > COLOUR:
                return f"the picture's mean colour is {now[name]}, not {golden[name]}"
            continue
        for old, new in zip(golden[name], now[name], strict=True):
            where = f"{name}, seed {old['seed']}"
            if len(old["first_obs"]) != len(new["first_obs"]):
                return f"{where}: {len(new['first_obs'])} numbers are observed, not {len(old['first_obs'])}"
            far = np.abs(np.subtract(new["first_obs"], old["first_obs"]))
            if far.max() > FIRST_OBS:
                return f"{where}: number {far.argmax()} of the first observation is off by {far.max():.2g}"
            if old["success"] != new["success"]:
                return f"{where}: success is {new['success']}, not {old['success']}"
            if abs(old["n_steps"] - new["n_steps"]) > slack(old["n_steps"]):
                longer.append(f"{where}: {new['n_steps']} steps, not {old['n_steps']}")
    # A last bit may cost one seating its first try.
    return "; ".join(longer) if len(longer) > RETRIES else None


def compare(env_id, golden, fingerprint, hashes, outcome):
    """Fail where this machine's bits (on another platform: its outcome) are not the golden ones."""
    recorded = golden["fingerprints"].get(fingerprint)
    differs = outcome_differs(golden["outcome"], outcome)
    if recorded is None:
        assert differs is None, f"{env_id}: {differs}; {HOW}"
        warnings.warn(f"{env_id}: platform {fingerprint} has no golden bits, only outcomes were compared",
                      stacklevel=2)  # fmt: skip
        return
    wrong = sorted(k for k in hashes | recorded if hashes.get(k) != recorded.get(k))
    assert not wrong, f"{env_id}: other bits in {', '.join(wrong)} ({differs or 'same outcome'}); {HOW}"


def updated(golden, fingerprint, hashes, outcome):
    """Return the new golden file; other platforms' bits stay only if nothing changed here."""
    kept = golden["fingerprints"] if golden else {}
    mine = kept.get(fingerprint)
    if mine not in (None, hashes) or not golden or outcome_differs(golden["outcome"], outcome):
        kept = {}
    return {"fingerprints": {**kept, fingerprint: hashes}, "outcome": outcome}


@pytest.mark.parametrize("env_id", envs.CELL_IDS)
def test_golden(env_id, update_golden):
    path = golden_path(env_id)
    if env_id not in OWN_IDS and not path.exists() and not update_golden:
        pytest.skip(f"{path} does not exist: pytest tests/contract/test_golden.py --update-golden")
    golden = json.loads(path.read_text()) if path.exists() else None
    fingerprint = platform()
    hashes, outcome = computed(env_id)
    hashes["rgb"], outcome["rgb_mean"] = frame(env_id)
    if update_golden:
        path.parent.mkdir(exist_ok=True)
        golden = updated(golden, fingerprint, hashes, outcome)
        path.write_text(compact(golden) + "\n")
        return
    assert golden is not None, f"{path} is missing: pytest tests/contract/test_golden.py --update-golden"
    compare(env_id, golden, fingerprint, hashes, outcome)


def compact(golden):
    """Return JSON with each list of numbers on one line."""
    text = json.dumps(golden, indent=1)
    return re.sub(r"\[([^][{}]*)\]", lambda found: f"[{' '.join(found[1].split())}]", text)


def test_no_golden_file_is_left_over():
    assert {p.stem for p in FOLDER.glob("*.json")} == {i.replace("/", "-") for i in OWN_IDS}


def test_another_physics_is_noticed():
    """What the comparison is worth: it passes for the same bits and no others."""
    env_id = "Monozukuri/PickPart-v0"
    hashes, outcome = computed(env_id, names=("expert",))
    golden = updated(None, "here", hashes, outcome)
    compare(env_id, golden, "here", hashes, outcome)
    other = computed(env_id, {"gravity_m_s2": 9.811}, ("expert",))
    with pytest.raises(AssertionError, match=r"other bits in expert .*--update-golden"):
        compare(env_id, golden, "here", *other)


def test_another_platform_is_held_to_the_outcome():
    env_id = "Monozukuri/Reach-v0"
    hashes, outcome = computed(env_id, names=("expert",))
    golden = updated(None, "here", hashes, outcome)
    with pytest.warns(UserWarning, match="platform there has no golden bits"):
        compare(env_id, golden, "there", {"expert": "rounded otherwise"}, outcome)
    for key, value, told in (
        ("success", False, "success is False, not True"),
        ("n_steps", 2 * outcome["expert"][0]["n_steps"] + 20, "steps, not"),
        ("first_obs", [v + 2e-4 for v in outcome["expert"][0]["first_obs"]], "first observation"),
        ("first_obs", [0.0], "1 numbers are observed"),
    ):
        changed = {"expert": [{**episode, key: value} for episode in outcome["expert"]]}
        with pytest.raises(AssertionError, match=told):
            compare(env_id, golden, "there", hashes, changed)


def test_one_episode_may_take_a_second_try_elsewhere():
    env_id = "Monozukuri/Reach-v0"
    _, outcome = computed(env_id, names=("expert",))
    first, *others = outcome["expert"]
    retried = {"expert": [{**first, "n_steps": 2 * first["n_steps"] + 20}, *others]}
    assert outcome_differs(outcome, retried) is None


def test_an_update_drops_what_no_longer_holds():
    outcome = {"rgb_mean": [1.0, 2.0, 3.0]}
    golden = {"fingerprints": {"here": {"a": "1"}, "there": {"a": "2"}}, "outcome": outcome}
    assert updated(golden, "here", {"a": "1"}, outcome) == golden
    assert set(updated(golden, "third", {"a": "3"}, outcome)["fingerprints"]) == {"here", "there", "third"}
    assert set(updated(golden, "here", {"a": "9"}, outcome)["fingerprints"]) == {"here"}
    moved = {"rgb_mean": [9.0, 9.0, 9.0]}
    assert set(updated(golden, "third", {"a": "3"}, moved)["fingerprints"]) == {"third"}
