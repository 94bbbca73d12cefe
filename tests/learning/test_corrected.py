"""A rule with learned corrections: at zero only the filter corrects it, which learns; twins cancel luck."""

import json

import gymnasium
import numpy as np
import pytest

import envs
from agents import catalog
from agents.corrected import BOUNDS, NEEDS, CorrectedRules, Corrector, Drift, Reach, corrected, n_features
from agents.machining import CHANGE, CORRECTION, DEPTH, MEASURE
from agents.networks import MlpPolicy
from agents.policy import Policy
from agents.rl import Ppo, PpoHyper, Sac, SacHyper, Tqc
from agents.sb3 import Model
from envs.machining import variation
from experiments import train
from experiments.batched_env import BatchedVecEnv
from experiments.rollout import EnvRequest, Rollouts, run_episode, run_episodes

TASK = "TurnShafts"
REQUEST = EnvRequest(TASK, {"split": "seen", "observation": "signals"})
N_SIGNALS = 23
SMALL = {"start": "machinist", "n_envs": 4, "horizon": 64, "segment": 1, "batch": 64, "epochs": 2,
         "hidden": (8,), "n_steps": 4096, "warm_up": 0}  # fmt: skip
SMALL_SAC = {"start": "machinist", "her": False, "reward": "dense", "n_envs": 4, "segment": 64, "batch": 32,
             "updates": 1, "hidden": (8,), "n_steps": 4096, "warm_up": 32, "buffer": 1024}  # fmt: skip


def network(scale):
    rng, n = np.random.default_rng(0), n_features(N_SIGNALS)
    layers = [(rng.normal(0, 0.3, (8, n)), np.zeros(8)), (scale * rng.normal(0, 1, (7, 8)), np.zeros(7))]
    return MlpPolicy(layers, np.zeros(n), np.full(n, 20.0), "tanh")


def made(kind="ppo"):
    class Session:
        seed, n_done, n_steps, quick = 3, 0, 4096, False

        def make_vec(self, n_envs):
            return BatchedVecEnv(REQUEST, n_envs, self.seed)

        def advance(self, n_steps):
            self.n_done += n_steps

    agent = Ppo(PpoHyper(**SMALL)) if kind == "ppo" else Sac(SacHyper(**SMALL_SAC))
    session = Session()
    agent.task = TASK
    model = Model(agent._build, agent.hyper, session, agent._start(type("S", (), {"restored": None})()))
    model.needs, model.session, model.steps = agent.needs, session, agent._segment_steps(session)
    return model


@pytest.fixture(scope="module", params=("ppo", "sac"))
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def model(kind):
    return made(kind)


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
def test_without_corrections_it_is_the_rule_but_for_what_the_filter_knows_of_the_size(task, rule):
    env = gymnasium.make(task, observation="signals")
    base = catalog.create(rule, env.spec.name)
    policy, both = CorrectedRules(base, network(0.0)), []

    class Beside(Policy):
        def reset(self, instruction, seed):
            policy.reset(instruction, seed)

        def act(self, observation):
            both.append((base.act(observation), policy.act(observation)))
            return both[-1][1]

    lot(env, Beside())
    alone, act = (np.stack(rows) for rows in zip(*both, strict=True))
    others = [i for i in range(8) if i != CORRECTION]
    np.testing.assert_array_equal(act[:, others], alone[:, others])
    moved = np.abs(act - alone)[:, CORRECTION]
    assert moved.max() <= BOUNDS[CORRECTION] + 1e-6
    assert (moved.max() > 0) == (rule != "handbook")  # which never gauges
    free = lot(env, CorrectedRules(base, network(1.0)))[0]
    assert free.shape == (env.unwrapped.process.n_parts, 8)
    assert np.abs(free).max() <= 1


def test_the_filter_keeps_parts_nearer_to_size_than_the_rule():
    """Nothing learned yet; 48 lots of 64 parts on machines, bars and days that differ."""
    n = 48
    spread = {}
    for name, policy in (("rule", base := catalog.create("machinist", "MillPockets")),
                         ("filter", CorrectedRules(base, network(0.0)))):  # fmt: skip
        env = gymnasium.make_vec("Monozukuri/MillPockets-v0", num_envs=n, observation="signals")
        seen, _ = env.reset(seed=0)
        policy.reset("", 0)
        sizes, over = [], False
        while not over:
            seen, _, _, ended, info = env.step(policy.act(seen))
            sizes.append(info["size_um"])
            over = ended.all()
        spread[name] = np.std(sizes)
    assert spread["filter"] < 0.95 * spread["rule"], spread


@pytest.mark.parametrize("task", envs.PROCESS_IDS)
def test_many_machines_get_the_actions_of_each_alone_to_the_bit(task):
    policy = CorrectedRules(catalog.create("machinist", task.removeprefix("Monozukuri/")[:-3]), network(1.0))
    request = EnvRequest(task, {"split": "unseen-machine", "observation": "signals"})
    seeds = list(range(4))
    together = run_episodes(request, Rollouts(policy), seeds)
    env = request.make()
    assert [run_episode(env, Rollouts(policy), seed) for seed in seeds] == together


@pytest.mark.parametrize("task", envs.PROCESS_IDS)
def test_a_rule_goes_on_from_what_it_asked_for_itself(task):
    """On a machine that chatters: corrections of the depth must not be taken for the rule's own steps."""
    rule = catalog.create("machinist", task.removeprefix("Monozukuri/")[:-3])
    n, h = 24, rule.hyper
    env = gymnasium.make_vec(task, num_envs=n, split="unseen-machine", observation="signals")
    seen, _ = env.reset(seed=5)
    corrector, last, n_loud = Corrector(rule, n), None, 0
    for _ in range(30):
        act, _ = corrector.see(seen)
        _, loud = rule.hears({name: value[:, 0].astype(float) for name, value in seen.items()})
        if last is not None:
            back = np.clip(h.depth - last, -h.creep, h.creep)
            wanted = np.clip(np.where(loud, last - h.back_off, last + back), -1.0, 1.0)
            np.testing.assert_allclose(act[:, DEPTH], wanted, atol=1e-6)
        last, n_loud = act[:, DEPTH].astype(float), n_loud + loud.sum()
        left = np.abs(act[:, DEPTH] - h.depth) > 1e-3
        assert (corrector.reach(Reach(0.3))[left] == 0).all()  # its answer to chatter stands
        assert (corrector.reach(Reach(0.3, everywhere=True)) == 0.3).all()  # but for who has met chatter
        moved = act.copy()
        moved[:, DEPTH] = np.clip(moved[:, DEPTH] + 0.3, -1, 1)
        seen = env.step(moved)[0]
    assert 0 < n_loud < 30 * n  # it was heard, and it was quiet


def test_it_forgets_the_last_lot_and_comes_back_from_disk_the_same(tmp_path):
    env = gymnasium.make(REQUEST.id, observation="signals")
    policy = CorrectedRules(
        catalog.create("machinist", TASK), network(0.5), reach=Reach(0.2, everywhere=True)
    )
    first = lot(env, policy)[0]
    lot(env, policy, seed=9)
    np.testing.assert_array_equal(lot(env, policy)[0], first)
    policy.save(tmp_path)
    again = Policy.load(tmp_path)
    assert again.needs == NEEDS
    assert again.reach == Reach(0.2, everywhere=True)
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
    full[0, order.index(DEPTH)] = 1.0
    assert corrected(act, full, reach=0.2)[0, DEPTH] == np.float32(0.2)
    assert corrected(act, full, reach=0.2)[0, CORRECTION] == BOUNDS[CORRECTION]


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
        expected, deviation, slope, *_ = drift.see(s, np.zeros(n), np.zeros(n, bool))
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


def test_training_begins_with_no_correction_and_pays_nothing_for_it(model):
    env = gymnasium.make(REQUEST.id, observation="signals")
    bare = CorrectedRules(catalog.create("machinist", TASK), network(0.0))
    np.testing.assert_array_equal(lot(env, model.policy(model.needs))[0], lot(env, bare)[0])
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


def test_a_run_that_goes_on_takes_the_same_steps(model, kind):
    other = made(kind)
    other.session.n_done = model.session.n_done
    assert other.restore(model.state(1, 0)) == (1, 0)
    for one in (model, other):
        one.learn(1, one.steps)
    pairs = zip(*(m.policy(m.needs).network.layers for m in (model, other)), strict=True)
    for (weight, bias), (again, same) in pairs:
        np.testing.assert_array_equal(weight, again)
        np.testing.assert_array_equal(bias, same)


@pytest.mark.parametrize("name", ["ppo", "sac"])
@pytest.mark.parametrize("task", envs.PROCESS_IDS)
def test_the_agents_file_starts_from_the_machinist(name, task):
    agent = catalog.create(name, task.removeprefix("Monozukuri/").removesuffix("-v0"))
    assert agent.hyper.start == "machinist"
    assert agent.needs.observation == "signals"
    agent.check()


def test_what_is_practised_on_shares_no_machine_bar_or_day_with_an_unseen_split():
    """Apart in every factor by which an unseen split differs from `seen`, and wider than `seen`."""
    practice, seen = variation.split("practice").factors, variation.split("seen").factors
    assert all(practice[f][0] <= low and high <= practice[f][1] for f, (low, high) in seen.items())
    unseen = [name for name in variation.names() if name.startswith("unseen-")]
    assert unseen
    for name in unseen:
        factors = variation.split(name).factors
        other = [f for f in factors if factors[f] != seen[f]]
        assert other
        for f in other:
            (low, high), (least, most) = practice[f], factors[f]
            assert high < least or most < low, (name, f)


def test_a_run_practises_on_another_split_than_it_is_tested_on(tmp_path):
    """And corrects everywhere then; the run's own split stays what it is about."""
    agent = tmp_path / "practised.yaml"
    hyper = SMALL | {"practice": "unseen-machine", "hidden": [8], "validate_episodes": 2}
    agent.write_text("class: agents.rl:Ppo\n" + "".join(f"{k}: {v}\n" for k, v in hyper.items()))
    command = ["--task", TASK, "--agent", str(agent), "--steps", "1024", "--episodes", "4", "--workers", "1"]
    assert train.main([*command, "--no-clip", "--out", str(tmp_path / "run")]) == 0
    told = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert told["split_hash"].startswith(variation.split("unseen-machine").sha256)
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["split"] == "seen"
    policy = Policy.load(tmp_path / "run" / "policy")
    assert policy.reach.everywhere
    seeds = [2_000_000 + k for k in range(4)]
    tests = [e.final["cost_per_good_part"] for e in run_episodes(REQUEST, Rollouts(policy), seeds)]
    assert summary["lots"]["cost_per_good_part"]["mean"] == pytest.approx(np.mean(tests))


def test_elsewhere_nothing_changes():
    assert catalog.create("ppo", "Reach").needs.observation == "flat"
    assert catalog.create("sac", "Reach").needs.observation == "state"


def test_sac_rests_and_then_moves():
    """Its actor stands still while the critics are new, and acts in a small spread instead of at random."""
    agent = Sac(SacHyper(**SMALL_SAC | {"rest": 40}))
    agent.task = TASK
    model = made("sac")
    resting = model.algorithm
    resting._rest = 40
    before = {k: v.clone() for k, v in resting.actor.state_dict().items()}
    model.learn(0, model.steps)
    assert 0 < resting._n_updates < 64
    moved = [k for k, v in resting.actor.state_dict().items() if not (v == before[k]).all()]
    assert moved
    early = made("sac")
    early.algorithm._rest = 10_000
    early.learn(0, early.steps)
    for k, v in early.algorithm.actor.state_dict().items():
        assert (v == before[k]).all(), k
    rows = early.algorithm.replay_buffer
    assert np.abs(rows.actions[: rows.pos]).mean() < 0.4  # a uniform draw would give 0.5


@pytest.mark.parametrize(
    ("hyper", "message"),
    [
        ({"start": "machinist"}, "a rule has no goals to relabel"),
        ({"temperature": 0.0}, "temperature is 0.0: it must be above 0"),
        ({"rest": -1}, "rest is -1: allowed is 0 or more"),
        ({"reach": 0.0}, "reach is 0.0: it must be above 0"),
        ({"practice": "practice"}, "practice 'practice' with start '': allowed after a rule only"),
    ],
)
def test_sac_refuses_what_makes_no_sense(hyper, message):
    with pytest.raises(ValueError, match=message):
        SacHyper(**hyper)


def test_sac_starts_from_rules_only_and_tqc_from_nobody():
    dense = {"her": False, "reward": "dense"}
    for kind, start, message in (
        (Sac, "dagger", "allowed is a rule"),
        (Tqc, "machinist", "allowed is nobody"),
    ):
        with pytest.raises(catalog.AgentError, match=message):
            kind(SacHyper(start=start, **dense)).check()
