"""A rule with learned corrections: at zero it is the rule, the filter learns a drift, twins cancel luck."""

import gymnasium
import numpy as np
import pytest

import envs
from agents import catalog
from agents.corrected import BOUNDS, NEEDS, CorrectedRules, Corrector, Drift, corrected, n_features
from agents.machining import CHANGE, CORRECTION, MEASURE
from agents.networks import MlpPolicy
from agents.policy import Policy
from agents.rl import Ppo, PpoHyper
from agents.sb3 import Model
from experiments.batched_env import BatchedVecEnv
from experiments.rollout import EnvRequest

TASK = "TurnShafts"
REQUEST = EnvRequest(TASK, {"split": "seen", "observation": "signals"})
N_SIGNALS = 23
SMALL = {"start": "machinist", "n_envs": 4, "horizon": 64, "segment": 1, "batch": 64, "epochs": 2,
         "hidden": (8,), "n_steps": 4096, "warm_up": 0}  # fmt: skip


def network(scale):
    rng, n = np.random.default_rng(0), n_features(N_SIGNALS)
    layers = [(rng.normal(0, 0.3, (8, n)), np.zeros(8)), (scale * rng.normal(0, 1, (7, 8)), np.zeros(7))]
    return MlpPolicy(layers, np.zeros(n), np.full(n, 20.0), "tanh")


def made():
    class Session:
        seed, n_done, n_steps, quick = 3, 0, 4096, False

        def make_vec(self, n_envs):
            return BatchedVecEnv(REQUEST, n_envs, self.seed)

        def advance(self, n_steps):
            self.n_done += n_steps

    agent, session = Ppo(PpoHyper(**SMALL)), Session()
    agent.task = TASK
    model = Model(agent._build, agent.hyper, session, agent._start(type("S", (), {"restored": None})()))
    model.needs, model.session, model.steps = agent.needs, session, agent._segment_steps(session)
    return model


@pytest.fixture(scope="module")
def model():
    return made()


def lot(env, policy, seed=4):
    observation, _ = env.reset(seed=seed)
    policy.reset("", seed)
    over, actions, total = False, [], 0.0
    while not over:
        actions.append(policy.act(observation))
        observation, reward, _, over, _ = env.step(actions[-1])
        total += reward
    return np.stack(actions), total


@pytest.mark.parametrize("task", envs.PROCESS_IDS)
@pytest.mark.parametrize("rule", ["machinist", "tuned_rules", "handbook"])
def test_without_corrections_it_is_the_rule_to_the_bit(task, rule):
    env = gymnasium.make(task, observation="signals")
    base = catalog.create(rule, env.spec.name)
    policy = CorrectedRules(base, network(0.0))
    np.testing.assert_array_equal(lot(env, policy)[0], lot(env, base)[0])
    moved = lot(env, CorrectedRules(base, network(1.0)))[0]
    assert moved.shape == (env.unwrapped.process.n_parts, 8)
    assert np.abs(moved).max() <= 1


def test_it_forgets_the_last_lot_and_comes_back_from_disk_the_same(tmp_path):
    env = gymnasium.make(REQUEST.id, observation="signals")
    policy = CorrectedRules(catalog.create("machinist", TASK), network(0.5))
    first = lot(env, policy)[0]
    lot(env, policy, seed=9)
    np.testing.assert_array_equal(lot(env, policy)[0], first)
    policy.save(tmp_path)
    again = Policy.load(tmp_path)
    assert again.needs == NEEDS
    np.testing.assert_array_equal(lot(env, again)[0], first)


def test_a_correction_can_call_off_a_yes_and_ask_for_a_no_within_its_bound():
    act = np.zeros((1, 8), np.float32)
    act[0, [CHANGE, MEASURE]] = 1.0, -1.0
    order = list(BOUNDS)
    full = np.zeros((1, len(BOUNDS)))
    full[0, order.index(CHANGE)], full[0, order.index(MEASURE)] = -5.0, 5.0  # cut off at 1
    full[0, order.index(CORRECTION)] = 5.0
    moved = corrected(act, full)[0]
    assert moved[CHANGE] == -1.0
    assert moved[MEASURE] == 1.0
    assert moved[CORRECTION] == BOUNDS[CORRECTION]
    assert act[0, CHANGE] == 1.0  # what was given stays


def test_the_filter_learns_how_a_machine_drifts():
    rng, n = np.random.default_rng(0), 64
    base = catalog.create("machinist", TASK)
    drift = Drift(base, n)
    per_k = rng.uniform(-3.0, 0.0, n)
    spindle, errors = np.zeros(n), []
    for part in range(40):
        spindle = spindle + 0.4 * rng.uniform(0, 1, n)
        true = 5.0 + per_k * spindle
        s = {name: np.zeros(n) for name in ("edge_min", "changed", "parts_since_reading", "offset_um")}
        s |= {"spindle_c": 20 + spindle, "ambient_c": np.full(n, 20.0), "coolant_c": np.full(n, 20.0)}
        s |= {"has_reading": np.ones(n), "reading_um": true + 2.0 * rng.standard_normal(n)}
        expected, deviation, slope, *_ = drift.see(s)
        errors.append(np.abs(expected - true).mean())
        assert (deviation > 0).all(), part
    assert errors[-1] < 1.0
    assert np.corrcoef(slope, per_k)[0, 1] > 0.9


def test_lanes_of_a_corrector_do_not_look_at_each_other():
    env = gymnasium.make_vec(REQUEST.id, num_envs=3, observation="signals")
    seen, _ = env.reset(seed=1)
    alone = gymnasium.make_vec(REQUEST.id, num_envs=1, observation="signals")
    other, _ = alone.reset(seed=2)
    base = catalog.create("machinist", TASK)
    three, one = Corrector(base, 3), Corrector(base, 1)
    for _ in range(20):
        act, features = three.see(seen)
        single, row = one.see(other)
        np.testing.assert_array_equal(features[1], row[0])
        assert features.shape == (3, n_features(N_SIGNALS))
        seen, other = env.step(act)[0], alone.step(single)[0]


def test_training_begins_as_the_rule_and_pays_nothing_for_it(model):
    np.testing.assert_array_equal(lot(gymnasium.make(REQUEST.id, observation="signals"),
                                      model.policy(model.needs))[0],
                                  lot(gymnasium.make(REQUEST.id, observation="signals"),
                                      catalog.create("machinist", TASK))[0])  # fmt: skip
    venv = model._envs
    venv.restart(5)
    venv.reset()
    for _ in range(64):
        _, rewards, dones, infos = venv.step(np.zeros((4, len(BOUNDS)), np.float32))
        np.testing.assert_array_equal(rewards, 0.0)  # its twin did the same
    assert dones.all()
    assert not any(info["TimeLimit.truncated"] for info in infos)


def test_a_segment_counts_the_twins_steps_and_moves_the_policy(model):
    before = model.session.n_done
    model.learn(0, model.steps)
    assert model.session.n_done - before == 2 * model.steps
    policy = model.policy(model.needs)
    assert isinstance(policy, CorrectedRules)
    assert np.abs(policy.network.layers[-1][0]).max() > 0


def test_a_run_that_goes_on_takes_the_same_steps(model):
    other = made()
    other.session.n_done = model.session.n_done
    assert other.restore(model.state(1, 0)) == (1, 0)
    for one in (model, other):
        one.learn(1, one.steps)
    pairs = zip(*(m.policy(m.needs).network.layers for m in (model, other)), strict=True)
    for (weight, bias), (again, same) in pairs:
        np.testing.assert_array_equal(weight, again)
        np.testing.assert_array_equal(bias, same)


def test_the_agents_file_starts_from_the_machinist():
    for task in (i.removeprefix("Monozukuri/").removesuffix("-v0") for i in envs.PROCESS_IDS):
        agent = catalog.create("ppo", task)
        assert agent.hyper.start == "machinist"
        assert agent.needs.observation == "signals"
        agent.check()
    assert catalog.create("ppo", "Reach").needs.observation == "flat"
