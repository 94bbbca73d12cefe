"""Reinforcement learning that starts from a cloned policy."""

from itertools import pairwise

import numpy as np
import pytest

from agents.catalog import AgentError
from agents.networks import MlpPolicy
from agents.paced import PacedPolicy, corrected
from agents.policy import Policy
from agents.rl import Ppo, PpoHyper
from agents.sb3 import Model
from tests.learning.local import LocalVec, LocalWorkers, run

N_SEEN, N_DONE = 7, 5


def cloned(n_seen=N_SEEN, head="clip"):
    rng = np.random.default_rng(0)
    sizes = (n_seen, 32, 32, N_DONE)
    layers = [(rng.normal(0, 0.4, (b, a)), rng.normal(0, 0.4, b)) for a, b in pairwise(sizes)]
    return MlpPolicy(layers, rng.normal(0, 0.3, n_seen), rng.uniform(1e-3, 1, n_seen), head=head)


def hyper(start, **other):
    return PpoHyper(**{"start": str(start), "start_steps": 1, "n_envs": 2, "horizon": 16, "segment": 2,
                       "batch": 16, "epochs": 2, "hidden": (16,), "validate_every": 2, **other})  # fmt: skip


@pytest.fixture
def model(tmp_path):
    class Session:
        seed, n_done, n_steps, quick = 3, 0, 128, True

        def make_vec(self, n_envs):
            return LocalVec(LocalWorkers(Policy.needs).request, n_envs, self.seed)

        def advance(self, n_steps):
            self.n_done += n_steps

    agent, session = Ppo(hyper(tmp_path, warm_up=2)), Session()
    model = Model(agent._build, agent.hyper, session, cloned())
    model.steps = agent._segment_steps(session)
    return model


def test_at_step_zero_it_acts_as_the_cloned_policy(model):
    before, after = cloned(), model.policy(Policy.needs)
    assert isinstance(after, PacedPolicy)
    for seen in np.random.default_rng(1).normal(0, 2, (200, N_SEEN)).astype(np.float32):
        np.testing.assert_allclose(after.act(seen), before.act(seen), atol=1e-5)
        normal = model.venv.normalize_obs(seen)
        correction, _ = model.algorithm.predict(normal, deterministic=True)
        np.testing.assert_allclose(corrected(before.output(seen), correction), before.act(seen), atol=1e-5)


def test_the_actor_rests_while_the_critic_is_new(model):
    def weights(policy):
        return [p.detach().numpy().copy() for p in (*policy.action_net.parameters(),
                                                    *policy.value_net.parameters())]  # fmt: skip

    net = model.algorithm.policy
    start = weights(net)
    model.learn(0, model.steps)  # two updates
    warm = weights(net)
    model.learn(1, model.steps)
    assert all(np.array_equal(a, b) for a, b in zip(start[:2], warm[:2], strict=True))
    assert not np.array_equal(start[2], warm[2])
    assert not np.array_equal(warm[0], weights(net)[0])


def test_its_normalisation_stays_that_of_the_cloned_policy(model):
    model.learn(0, model.steps)
    pace = model.policy(Policy.needs).pace
    np.testing.assert_array_equal(pace.mean, cloned().mean)
    np.testing.assert_array_equal(pace.scale, cloned().scale)


def test_pace_keeps_stillness_and_direction():
    still = np.array([0, 0, 0, 0, -4.0])
    assert corrected(still, np.array([1.0, 0])).tolist() == [0, 0, 0, 0, -1]
    slow = np.array([0.02, 0, -0.2, 0.1, 2.0])
    fast = corrected(slow, np.array([0.5, 0]))
    assert fast[2] < -0.4
    np.testing.assert_allclose(
        fast[:4] / np.linalg.norm(fast[:4]), slow[:4] / np.linalg.norm(slow[:4]), atol=1e-6
    )
    fastest = corrected(np.array([0.5, -1.3, 0, 0, 2.0]), np.array([1.0, 0]))
    assert np.abs(fastest).max() == 1
    assert corrected(slow, np.array([0, -0.9]))[-1] == -1


def test_a_paced_policy_comes_back_from_disk_the_same(tmp_path):
    policy = PacedPolicy(cloned(), MlpPolicy([*cloned().layers[:-1], (np.ones((2, 32)), np.ones(2))],
                                             cloned().mean, cloned().scale))  # fmt: skip
    policy.save(tmp_path)
    again = Policy.load(tmp_path)
    for seen in np.random.default_rng(1).normal(0, 2, (20, N_SEEN)).astype(np.float32):
        assert again.act(seen).tobytes() == policy.act(seen).tobytes()


def test_an_earlier_run_is_gone_on_with_and_nothing_imitated(tmp_path):
    cloned().save(tmp_path / "first" / "policy")
    run(Ppo(hyper(tmp_path / "first")), tmp_path / "run", 128)
    policy = Policy.load(tmp_path / "run" / "policy")
    np.testing.assert_array_equal(policy.cloned.layers[0][0], cloned().layers[0][0])
    assert '"round"' not in (tmp_path / "run" / "metrics.jsonl").read_text()


@pytest.mark.parametrize("wrong", ["nothing", "sizes", "head", "paced"])
def test_a_start_that_does_not_fit_is_refused_in_one_line(wrong, tmp_path):
    if wrong != "nothing":
        policy = cloned(n_seen=9) if wrong == "sizes" else cloned(head="tanh" if wrong == "head" else "clip")
        (PacedPolicy(policy, policy) if wrong == "paced" else policy).save(tmp_path / "first")
    with pytest.raises(AgentError, match="start") as error:
        run(Ppo(hyper(tmp_path / "first")), tmp_path / "run", 128)
    assert "\n" not in str(error.value)


def test_hyper_parameters_are_checked():
    for wrong in ({"gamma": 1.5}, {"rate": 0.0}, {"start_steps": 0}, {"warm_up": -1}, {"epochs": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            hyper("dagger", **wrong)
