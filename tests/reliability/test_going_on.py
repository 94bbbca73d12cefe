"""`train --resume` of a damaged run, and of a learner on machine tools that step in a batch."""

import dataclasses

import pytest

from agents.policy import Policy
from agents.rl import Ppo, PpoHyper
from experiments.batched_env import BatchedVecEnv
from experiments.errors import UserError
from experiments.progress import Progress
from experiments.rollout import EnvRequest
from experiments.run import RunDirectory
from experiments.session import TrainSession
from experiments.train import main as train
from tests.learning.local import LocalSession, LocalWorkers, Stopped

TASK = "tests.learning.standin:StandIn-v0"


def left_by(folder):
    policy = {p.name: p.read_bytes() for p in (folder / "policy").iterdir()}
    return (folder / "metrics.jsonl").read_text(), policy


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.slow
def test_a_damaged_checkpoint_is_told_and_the_one_before_leads_to_the_same_bits(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(TrainSession.__init__.__kwdefaults__, "checkpoint_s", 0.0)
    teacher, agent, out = tmp_path / "teacher.yaml", tmp_path / "bc.yaml", tmp_path / "a run"
    teacher.write_text("class: tests.learning.standin:StandInExpert\n")
    agent.write_text(f"class: agents.imitation:Bc\nteacher: {teacher}\nhidden: [16, 16]\n")
    arguments = ["--task", TASK, "--agent", str(agent), "--quick", "--steps", "1200", "--no-clip",
                 "--workers", "1", "--episodes", "4"]  # fmt: skip
    assert train([*arguments, "--out", str(out)]) == 0
    whole = left_by(out)
    flip(out / "checkpoints" / "last.json")
    assert train(["--resume", str(out), "--no-clip"]) == 0
    assert left_by(out) == whole
    told = capsys.readouterr().out
    assert "Going on from the checkpoint before the last one" in told
    assert "last.json" in told
    # A log that lost rows which the checkpoint counts on does not fit it.
    (out / "metrics.jsonl").write_text("")
    with pytest.raises(UserError, match=r"metrics.jsonl: 0 whole rows, the checkpoint needs"):
        train(["--resume", str(out), "--no-clip"])
    (out / "metrics.jsonl").write_text(whole[0])
    for name in ("last.json", "last-before.json"):
        flip(out / "checkpoints" / name)
    with pytest.raises(UserError, match=r"last\.json.*last-before\.json"):
        train(["--resume", str(out), "--no-clip"])


class LotWorkers(LocalWorkers):
    """Episodes of a machine tool in this process."""

    def __init__(self, needs):
        self.request = EnvRequest("TurnShafts", {"split": "seen"})


class LotSession(LocalSession):
    """A session whose environments are one batch."""

    def make_vec(self, n_envs):
        return BatchedVecEnv(self._workers.request, n_envs, self.seed)


def learn(folder, *, stop_at=None, resume=False):
    folder.mkdir(exist_ok=True)
    agent = Ppo(PpoHyper(n_envs=4, horizon=16, segment=2, batch=32, epochs=2, hidden=(8,), validate_every=2))
    agent.needs = dataclasses.replace(agent.needs, observation="flat")
    session = LotSession(LotWorkers(agent.needs), RunDirectory(folder), Progress(512, "", folder / "tb"),
                         seed=3, n_steps=512, quick=True, checkpoint_s=0.0)  # fmt: skip
    session.stop_at = stop_at
    if resume:
        session.restore()
    with session:
        agent.learn(session)


def test_learning_on_a_batch_of_machine_tools_goes_on_to_the_same_bits(tmp_path):
    learn(tmp_path / "whole")
    for stop_at in (2, 3):
        out = tmp_path / f"{stop_at}"
        with pytest.raises(Stopped):
            learn(out, stop_at=stop_at)
        learn(out, resume=True)
        assert left_by(out) == left_by(tmp_path / "whole")
    assert Policy.load(tmp_path / "whole" / "policy").layers
