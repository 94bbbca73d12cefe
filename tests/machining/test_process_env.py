"""The environments of a machine tool, every one of them: bits, contract, invariants, who is better."""

import time
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import envs
from agents import catalog
from configs.records import record
from envs.machining import variation
from envs.machining.env import OBSERVATIONS, ProcessVectorEnv
from envs.machining.lots import ACTIONS, SIGNALS
from envs.machining.machine import reference_cost
from envs.machining.process import Part, names, process

SPLITS = variation.names()


def file_of(env_id):
    return next(n for n in names() if n.replace("_", "") == env_id[11:-3].lower())


def wild(n, steps, seed=0):
    """Actions of every kind, changes and gaugings among them."""
    return np.random.default_rng(seed).uniform(-1, 1, (steps, n, len(ACTIONS))).astype(np.float32)


def play(agent, name, split, n=48, seed=1_000_000):
    """The figures of n lots on validation seeds; rules run the batch, others its own expert."""
    env = ProcessVectorEnv(n, name, split=split, observation="signals")
    signals, _ = env.reset(seed=seed)
    over = False
    while not over:
        action = env.expert_action() if agent == "oracle" else catalog.create(agent).act(signals)
        signals, *_, truncated, _ = env.step(action)
        over = truncated.all()
    return env.batch.figures()


@pytest.mark.parametrize("mode", OBSERVATIONS)
@pytest.mark.parametrize("env_id", envs.PROCESS_IDS)
def test_both_checkers_pass(env_id, mode):
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make(env_id, observation=mode).unwrapped, skip_render_check=True)
        # Signals are single numbers under their names: its advice on shapes is not for them.
        warnings.filterwarnings("ignore", message=".*unconventional shape.*")
        checker.check_env(gymnasium.make(env_id, observation=mode).unwrapped)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("env_id", envs.PROCESS_IDS)
def test_a_lane_and_a_single_machine_give_the_same_bits(env_id, split):
    """Past the end of a lot too, whatever the size of the batch."""
    n, steps = 7, process(file_of(env_id)).n_parts + 5
    actions = wild(n, steps)
    batch = gymnasium.make_vec(env_id, num_envs=n, split=split)
    seen = [batch.reset(seed=50)[0]]
    rows = []
    for action in actions:
        observation, reward, _, truncated, info = batch.step(action)
        seen.append(observation)
        rows.append((reward, truncated, info.get("size_um")))
    for lane in (0, 3, n - 1):
        single = gymnasium.make(env_id, split=split).unwrapped
        observation, _ = single.reset(seed=50 + lane)
        assert observation.tobytes() == seen[0][lane].tobytes()
        over = False
        for k in range(steps):
            if over:  # the batch's step after the last part sets up the next lot
                observation, _ = single.reset()
                over = False
            else:
                observation, reward, _, over, info = single.step(actions[k, lane])
                assert (reward, over) == (rows[k][0][lane], rows[k][1][lane])
                assert info["size_um"] == rows[k][2][lane]
            assert observation.tobytes() == seen[k + 1][lane].tobytes(), k


@pytest.mark.parametrize("env_id", envs.PROCESS_IDS)
def test_a_seed_says_everything(env_id):
    def lot(env, seed, actions):
        out = [env.reset(seed=seed)[0].tobytes()]
        out += [env.step(a)[0].tobytes() for a in actions]
        return out

    env, actions = gymnasium.make(env_id).unwrapped, wild(1, 20)[:, 0]
    first, second = lot(env, 5, actions), lot(env, None, actions)
    assert first != second
    lot(env, 77, wild(1, 20, seed=9)[:, 0])
    assert lot(env, 5, actions) == first
    assert lot(env, None, actions) == second


@pytest.mark.parametrize("env_id", envs.PROCESS_IDS)
def test_bad_actions_cut_nothing(env_id):
    env = gymnasium.make(env_id).unwrapped
    with pytest.raises(RuntimeError, match="reset"):
        env.step(np.zeros(len(ACTIONS)))
    env.reset(seed=1)
    before = env.batch.state
    for bad, words in ((np.zeros(3), "shape"), (np.full(len(ACTIONS), np.nan), "finite"), ("x", "needed")):
        with pytest.raises(ValueError, match=words):
            env.step(bad)
    assert env.batch.state is before


@pytest.mark.parametrize("env_id", envs.PROCESS_IDS)
@pytest.mark.parametrize(
    ("options", "words"),
    [({"split": "sen"}, "did you mean 'seen'"), ({"observation": "rgb"}, "flat, signals"),
     ({"robot": "gp8"}, "allowed are split"), ({"render_mode": "human"}, "allowed is None")],
)  # fmt: skip
def test_a_bad_option_is_one_line(env_id, options, words):
    for make in (gymnasium.make, lambda i, **o: gymnasium.make_vec(i, num_envs=2, **o)):
        with pytest.raises(ValueError, match=words) as error:
            make(env_id, **options)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("env_id", envs.PROCESS_IDS)
def test_what_holds_for_every_part(env_id):
    """Costs add up, wear only grows until an edge is changed, nothing is NaN, bad and good are told apart."""
    env = ProcessVectorEnv(64, file_of(env_id), split="seen")
    figures = env.batch.process
    env.reset(seed=3)
    wear = np.zeros(64)
    minutes = 0.0
    for action in wild(64, figures.n_parts, seed=4):
        _, reward, _, _, info = env.step(action)
        changed = action[:, 4] > 0.5
        assert (info["wear_mm"] >= np.where(changed, 0.0, wear)).all()
        wear = np.where(env.batch._changed > 0, 0.0, info["wear_mm"])
        assert all(np.isfinite(v).all() for v in info.values())
        causes = sum(v for k, v in info.items() if k.startswith("cost_") and k != "cost_per_good_part")
        np.testing.assert_allclose(causes, info["part_cost"], rtol=1e-12)
        np.testing.assert_allclose(-reward * env.batch.reference, info["part_cost"], rtol=1e-12)
        fits = (np.abs(info["size_um"]) <= figures.part.tolerance_um) & (
            info["ra_um"] <= figures.part.ra_limit_um
        )
        assert not (info["good"] & ~fits).any()
        assert (info["cost_escape"] > 0).sum() <= (~info["good"]).sum()
        least_kw = figures.machine_spec.power_kw.standby
        assert (info["energy_kwh"] >= info["time_min"] * least_kw / 60 - 1e-12).all()
        minutes = minutes + info["time_min"]
    np.testing.assert_allclose(env.batch.minutes, minutes)
    np.testing.assert_allclose(env.batch.state.minute, minutes, rtol=1e-9)


@pytest.mark.parametrize("env_id", envs.PROCESS_IDS)
def test_what_is_hidden_stays_hidden(env_id):
    """The true size shows in a reading only, and only when a part is gauged."""
    env = gymnasium.make(env_id, observation="signals").unwrapped
    env.reset(seed=8)
    sizes, blind = [], np.zeros(len(ACTIONS))
    blind[5] = -1
    for _ in range(6):
        signals, *_, info = env.step(blind)
        sizes.append(info["size_um"])
        assert signals["reading_um"] == 0
        assert signals["has_reading"] == 0
    assert len(set(sizes)) == 6
    gauging = np.zeros(len(ACTIONS))
    gauging[5] = 1
    signals, *_, info = env.step(gauging)
    assert 0 < abs(signals["reading_um"] - info["size_um"]) < 6
    assert set(signals) == set(SIGNALS)


@pytest.mark.parametrize("name", names())
def test_who_is_better(name):
    """On the same lots: the upper bound, then rules that measure, then the handbook."""
    cost = {a: play(a, name, "seen")["score"] for a in ("handbook", "tuned_rules", "machinist", "oracle")}
    mean = {agent: score.mean() for agent, score in cost.items()}
    assert mean["oracle"] > max(mean["tuned_rules"], mean["machinist"]), mean
    assert min(mean["tuned_rules"], mean["machinist"]) > mean["handbook"], mean


@pytest.mark.parametrize("name", names())
def test_a_reference_part_costs_what_the_handbook_says(name):
    figures = process(name)
    assert figures.prices.blank < reference_cost(figures) < figures.prices.blank + 30


@pytest.mark.parametrize("split", SPLITS)
def test_splits_draw_within_their_ranges(split):
    some = variation.split(split)
    lanes = some.lanes(np.arange(2000, dtype=np.uint64), np.zeros(2000, int))
    for factor, (low, high) in some.factors.items():
        values = getattr(lanes, factor)
        assert (values >= low).all()
        assert (values <= high).all()
        if high > low:
            assert values.min() < low + 0.01 * (high - low)
            assert values.max() > high - 0.01 * (high - low)
    ranges = list(some.seeds.values())
    assert all(a[1] < b[0] or b[1] < a[0] for i, a in enumerate(ranges) for b in ranges[i + 1 :])


def test_unseen_splits_leave_what_was_seen():
    seen = variation.split("seen").factors
    for name in SPLITS:
        if name.startswith("unseen"):
            ranges = variation.split(name).factors
            apart = [k for k, (low, high) in ranges.items() if low > seen[k][1] or high < seen[k][0]]
            assert apart, name


def test_a_wrong_file_is_one_line():
    good = {"size_mm": 1, "length_mm": 1.0, "stock_mm": 1.0, "tolerance_um": 1.0, "ra_limit_um": 1.0}
    assert record(Part, good, "x").size_mm == 1.0
    for bad, words in (
        ({**good, "colour": 1}, "'colour' is unknown"),
        ({k: good[k] for k in list(good)[1:]}, "'size_mm' is missing"),
        ({**good, "stock_mm": "a"}, "stock_mm"),
        ({**good, "stock_mm": -1.0}, "stock_mm is -1"), (3, "mapping"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            record(Part, bad, "x")


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_half_a_million_parts_a_second(name):
    env = ProcessVectorEnv(4096, name)
    env.reset(seed=0)
    actions = wild(4096, 1)[0]
    best_s = np.inf
    for _ in range(5):
        start = time.process_time()
        for _ in range(10):
            env.step(actions)
        best_s = min(best_s, (time.process_time() - start) / 10)
    assert 4096 / best_s >= 0.5e6


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_gymnasiums_own_batches_give_the_same_bits(mode):
    """Past the end of a lot too."""
    env_id = envs.PROCESS_IDS[-1]
    theirs = gymnasium.make_vec(env_id, num_envs=2, vectorization_mode=mode)
    ours = gymnasium.make_vec(env_id, num_envs=2)
    try:
        assert theirs.reset(seed=5)[0].tobytes() == ours.reset(seed=5)[0].tobytes()
        for action in wild(2, 70):
            a, b = theirs.step(action), ours.step(action)
            for x, y in zip(a[:4], b[:4], strict=True):
                assert np.asarray(x).tobytes() == np.asarray(y).tobytes()
    finally:
        theirs.close()
