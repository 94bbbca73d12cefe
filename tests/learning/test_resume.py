"""A run that was stopped and goes on leaves the same bytes as one that was not."""

import json

import pytest

from agents import rl
from agents.imitation import Bc, Dagger, ImitationHyper
from agents.policy import Policy
from agents.rl import Ppo, PpoHyper, Sac, SacHyper, Tqc
from tests.learning.local import Stopped, run, variant

SMALL = (16, 16)
SEGMENT = 4 * 16 * 2  # environment steps of PPO below
N_STEPS = {"bc": 600, "dagger": 600, "ppo": 640, "ppo with a start": 1000, "sac": 400, "tqc": 400}


@pytest.fixture
def make(tmp_path):
    teacher, first = tmp_path / "teacher.yaml", tmp_path / "first.yaml"
    teacher.write_text("class: tests.learning.standin:StandInExpert\n")
    first.write_text(
        f"class: agents.imitation:Dagger\nteacher: {teacher}\nhidden: [16, 16]\nvalidate_every: 1\n"
    )
    imitation = ImitationHyper(teacher=str(teacher), hidden=SMALL, validate_every=2)
    ppo = {"n_envs": 4, "horizon": 16, "segment": 2, "batch": 64, "epochs": 2, "hidden": SMALL,
           "validate_every": 2}  # fmt: skip
    start = {"start": str(first), "start_steps": 500, "warm_up": 1, "target_kl": 0.02}
    sac = SacHyper(n_envs=4, segment=25, warm_up=200, batch=32, updates=1, buffer=2000, hidden=SMALL)
    agents = {
        "bc": lambda: Bc(imitation),
        "dagger": lambda: Dagger(imitation),
        "ppo": lambda: Ppo(PpoHyper(**ppo)),
        "ppo with a start": lambda: Ppo(PpoHyper(**ppo, **start)),
        "sac": lambda: Sac(sac),
        "tqc": lambda: Tqc(sac),
    }
    return lambda name: agents[name]()


def left_by(folder):
    policy = Policy.load(folder / "policy")
    weights = {name: array.tobytes() for name, array in policy.state()[1].items()}
    return (folder / "metrics.jsonl").read_text(), weights


def compare(make, name, folder, stops):
    n_reports = run(make(name), folder / "whole", N_STEPS[name])
    assert n_reports >= 4
    whole = left_by(folder / "whole")
    for stop_at in stops(n_reports):
        out = folder / f"stopped at {stop_at}"
        with pytest.raises(Stopped):
            run(make(name), out, N_STEPS[name], stop_at=stop_at)
        run(make(name), out, N_STEPS[name], resume=True)
        assert left_by(out) == whole, f"stopped at report {stop_at} of {n_reports}"


@pytest.mark.parametrize("name", N_STEPS)
def test_a_stopped_run_goes_on_to_the_same_bits(name, make, tmp_path):
    compare(make, name, tmp_path, lambda n: (2, n - 1))


@pytest.mark.slow
@pytest.mark.parametrize("name", N_STEPS)
def test_it_may_be_stopped_anywhere(name, make, tmp_path):
    compare(make, name, tmp_path, lambda n: range(1, n + 1))


@pytest.mark.parametrize("stop_at", [None, 3])
@pytest.mark.parametrize(("every", "n_segments"), [(1, 4), (2, 7)])
def test_learning_ends_after_flawless_validations(make, tmp_path, monkeypatch, stop_at, every, n_segments):
    """Two flawless validations in a row end it, wherever it was stopped on the way."""

    def settle(session, pending):
        if pending is None:
            return {}
        session.offer(pending[0], 1.0)
        # The first one (of the first segment, or the second) has a failure.
        return {"success": float(session.n_done > 2 * SEGMENT * every), "length": 9.0}

    monkeypatch.setattr(rl, "_settle", settle)
    agent = variant(make("ppo"), stop_after=2, validate_every=every)
    if stop_at is not None:
        with pytest.raises(Stopped):
            run(agent, tmp_path / "run", 20 * SEGMENT, stop_at=stop_at)
    run(agent, tmp_path / "run", 20 * SEGMENT, resume=stop_at is not None)
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["env_steps"] == n_segments * SEGMENT, rows
