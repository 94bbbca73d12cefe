"""Before the first reset, after the end and after `close`: an error, never a number that means nothing."""

import ast
import os
import subprocess
import sys

import gymnasium
import numpy as np
import pytest

import envs
from experiments.guard import ROOT


@pytest.mark.parametrize("env_id", [*envs.CELL_IDS, *envs.PROCESS_IDS])
def test_steps_outside_an_episode_are_refused(env_id):
    env = gymnasium.make(env_id, observation="flat").unwrapped
    still = np.zeros(env.action_space.shape, np.float32)
    with pytest.raises(RuntimeError, match=r"reset\(\)"):
        env.step(still)
    if env_id in envs.CELL_IDS:
        env._max_episode_steps = 2
    env.reset(seed=3)
    for k in range(env._max_episode_steps):
        _, _, won, cut, _ = env.step(still)
        assert not won
        assert cut == (k == env._max_episode_steps - 1)
    with pytest.raises(RuntimeError, match=r"reset\(\)"):
        env.step(still)
    env.reset()
    env.step(still)
    env.close()
    env.close()
    if env_id in envs.CELL_IDS:  # a machine tool holds nothing that could be given back
        for call in (lambda: env.step(still), env.reset, env.plan, env.render):
            with pytest.raises(RuntimeError, match=r"closed|the episode is over"):
                call()


def test_nothing_depends_on_the_clock_on_the_wall():
    """Durations come from a clock that cannot jump; only names of folders tell the date."""
    for package in ("robots", "envs", "agents", "experiments", "configs"):
        for path in sorted((ROOT / package).rglob("*.py")):
            calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if
                     isinstance(node, ast.Call)}  # fmt: skip
            dated = {c for c in calls if c in ("time.time", "datetime.now", "datetime.utcnow", "date.today")}
            assert not dated or path.name == "run.py", f"{path}: {dated}"


MAKE = """
import os, signal, gymnasium, envs
env = gymnasium.make("Monozukuri/LoadChuck-v0", observation="rgb", image_size=64)
env.reset(seed=0)
os.kill(os.getpid(), signal.SIGKILL)
"""
LEARN = [
    *("-m", "experiments.train", "--task", "Reach", "--agent", "sac", "--quick", "--no-clip"),
    *("--episodes", "1", "--workers", "1", "--out"),
]


@pytest.mark.parametrize(
    ("command", "code"),
    [(["-c", MAKE], -9), pytest.param(LEARN, 0, marks=pytest.mark.slow)],
    ids=["killed", "learned"],
)
def test_nothing_stays_in_the_folder_for_temporary_files(tmp_path, command, code):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    told = os.environ | {"TMPDIR": str(scratch), "OMP_NUM_THREADS": "1"}
    where = [str(tmp_path / "run")] if command is LEARN else []
    done = subprocess.run([sys.executable, *command, *where], cwd=ROOT, env=told, capture_output=True)
    assert done.returncode == code, done.stderr[-400:]
    # PyTorch keeps one cache for all processes of a user.
    assert [p for p in scratch.iterdir() if not p.name.startswith("torchinductor")] == []
