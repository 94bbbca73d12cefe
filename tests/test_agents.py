"""Agents by name: what they may ask for, and that they work and come back from disk the same."""

import json

import gymnasium
import numpy as np
import pytest

import envs
from agents import catalog
from agents.learner import Learner
from agents.policy import Policy, Privileged, Teachable
from experiments.errors import UserError
from experiments.evaluate import main as evaluate
from experiments.train import main as train

NAMES = catalog.names()


@pytest.mark.parametrize("name", NAMES)
def test_only_those_that_follow_a_plan_are_privileged(name):
    agent = catalog.create(name, task="LoadChuck")
    assert isinstance(agent, Policy | Learner)
    assert isinstance(agent, Privileged) == (name in ("expert", "oracle"))
    assert isinstance(agent, Teachable) == (name in ("taught", "integrator"))
    # True state is for experts and for learners that say so; the rest see cameras and signals.
    if isinstance(agent, Teachable):
        assert agent.needs.observation == "rgb"


def test_unknown_agents_and_keys_are_one_line(tmp_path):
    with pytest.raises(catalog.AgentError, match="did you mean 'dagger'"):
        catalog.create("daggr")
    wrong = tmp_path / "a.yaml"
    wrong.write_text("class: agents.imitation:Dagger\nnoize: 0.1\n")
    with pytest.raises(catalog.AgentError, match="noise"):
        catalog.create(str(wrong))


@pytest.mark.parametrize("name", ["taught", "integrator"])
@pytest.mark.parametrize("env_id", [i for i in envs.ENV_IDS if "Pick" in i])
def test_rule_based_agents_solve_the_nominal_task(name, env_id):
    agent = catalog.create(name)
    needs = agent.needs

    def make(**options):
        given = {"observation": "rgb", "cameras": needs.cameras, "image_size": needs.image_size}
        return gymnasium.make(env_id, **{**given, **options})

    agent.teach(make)
    env = make(split="nominal").unwrapped
    wins = 0
    for seed in range(2_000_000, 2_000_003):
        observation, info = env.reset(seed=seed)
        agent.reset(info["instruction"], seed)
        over = False
        while not over:
            observation, _, won, cut, _ = env.step(agent.act(observation))
            over = won or cut
        wins += won
    assert wins >= 2
    env.close()


# Teaching every part in every slot takes a while; a door is taught at once.
@pytest.mark.parametrize(
    "env_id",
    [pytest.param(i, marks=() if "OpenDoor" in i else pytest.mark.slow) for i in envs.CELL_IDS],
)
@pytest.mark.parametrize("name", ["taught", "integrator"])
def test_rule_based_agents_can_be_taught_every_task(name, env_id):
    task = env_id.removeprefix("Monozukuri/").removesuffix("-v0")
    assert evaluate([name, "--task", task, "--split", "nominal", "--episodes", "1", "--workers", "1"]) == 0


def test_a_quick_training_run_leaves_what_it_promises(tmp_path, capsys):
    out = tmp_path / "a run"
    arguments = ["--task", "Reach", "--agent", "bc", "--quick", "--episodes", "8", "--out", str(out)]
    assert train([*arguments, "--workers", "1"]) == 0
    for name in ("config.yaml", "manifest.json", "metrics.jsonl", "policy", "summary.json", "curve.svg"):
        assert (out / name).exists()
    assert list(out.glob("clip.*"))
    summary = json.loads((out / "summary.json").read_text())
    assert summary["n_episodes"] == 8
    low, high = summary["ci95"]
    assert 0.0 <= low <= summary["success_rate"] <= high <= 1.0
    assert "wall" not in (out / "metrics.jsonl").read_text()
    policy = Policy.load(out / "policy")
    again = Policy.load(out / "policy")
    env = gymnasium.make("Monozukuri/Reach-v0", observation="flat")
    observation, info = env.reset(seed=1)
    actions = []
    for p in (policy, again):
        p.attach(env.observation_space, env.action_space)
        p.reset(info["instruction"], 1)
        actions.append(p.act(observation))
    assert np.array_equal(*actions)
    env.close()
    assert evaluate([str(out), "--episodes", "4", "--workers", "1"]) == 0
    assert json.loads((out / "evaluation.json").read_text())["n_episodes"] == 4
    capsys.readouterr()


@pytest.mark.parametrize("agent", ["dagger", "ppo"])
def test_what_cannot_be_learned_is_refused_before_anything_is_written(tmp_path, agent):
    with pytest.raises(UserError, match="control 'joint'"):
        train(["--agent", agent, "--control", "joint", "--out", str(tmp_path / "run")])
    assert not (tmp_path / "run").exists()
