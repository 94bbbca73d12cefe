"""Golden hashes of lots of parts on a machine tool: a change of the process is seen, and has to be meant.

As `tests/contract/test_golden.py` for cells: the same bits on a known platform, the same outcome elsewhere.
After a change that is meant: `pytest tests/reliability/test_golden_lots.py --update-golden`.
"""

import hashlib
import json
import warnings
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import envs
from experiments.run import platform_fingerprint

FILE = Path(__file__).resolve().parent / "golden_lots.json"
SEEDS = (0, 1, 2_000_000)
CASES = [f"{env_id} {who}" for env_id in envs.PROCESS_IDS for who in ("expert", "random")]
FAR = 1e-6  # relative, of an outcome elsewhere


def platform():
    """What the bits depend on: no engine and no PyTorch here."""
    parts = platform_fingerprint()
    kept = {key: parts[key] for key in ("system", "cpu_flags", "libc", "numpy")}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


def computed(case):
    """Return a hash of all bits of some lots, and what came of them."""
    env_id, who = case.split()
    env = gymnasium.make(env_id, split="seen").unwrapped
    bits, outcome = hashlib.sha256(), []
    for seed in SEEDS:
        observation, _ = env.reset(seed=seed)
        rng, over, total = np.random.default_rng(seed), False, 0.0
        while not over:
            bits.update(observation.tobytes())
            action = env.expert_action() if who == "expert" else rng.uniform(-1, 1, 8).astype(np.float32)
            observation, reward, won, cut, info = env.step(action)
            bits.update(np.float64(reward).tobytes())
            total, over = total + reward, won or cut
        outcome.append([total, info["cost_per_good_part"], info["share_good"]])
    env.close()
    return bits.hexdigest(), outcome


@pytest.mark.parametrize("case", CASES)
def test_golden(case, update_golden):
    golden = json.loads(FILE.read_text()) if FILE.exists() else {}
    bits, outcome = computed(case)
    if update_golden:
        kept = golden.get(case, {"bits": {}, "outcome": outcome})
        others = kept["bits"] if kept["outcome"] == outcome else {}
        golden[case] = {"bits": {**others, platform(): bits}, "outcome": outcome}
        FILE.write_text(json.dumps(golden, indent=1, sort_keys=True) + "\n")
        return
    recorded = golden[case]["bits"].get(platform())
    if recorded is None:
        np.testing.assert_allclose(outcome, golden[case]["outcome"], rtol=FAR)
        warnings.warn(f"{case}: platform {platform()} has no golden bits, only outcomes were compared",
                      stacklevel=2)  # fmt: skip
    else:
        assert bits == recorded, f"{case}: other bits; if that is meant: --update-golden"


def test_nothing_is_left_over():
    assert sorted(json.loads(FILE.read_text())) == sorted(CASES)
