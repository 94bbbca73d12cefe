"""The verb `demo`: clips, captions, what it says, and what it refuses."""

import os
import subprocess
import sys
from types import SimpleNamespace

import gymnasium
import numpy as np
import pybullet
import pytest
from PIL import Image

from agents.expert import Expert
from experiments import demo
from experiments.config import UserError
from experiments.film import film, status
from experiments.rollout import EnvRequest


def frames_of(path):
    with Image.open(path) as image:
        return image.n_frames, image.size


def test_reach_is_shown_in_a_file(tmp_path, capfd):
    path = tmp_path / "new folder" / "reach.webp"
    assert demo.main(["expert", "--task", "Reach", "--episodes", "2", "--out", str(path)]) == 0
    out = capfd.readouterr().out.splitlines()
    assert len(out) == 3
    assert all("done after" in line for line in out[:2])
    assert out[2].endswith(str(path))
    n_frames, (width, height) = frames_of(path)
    assert n_frames > 4
    assert (width, height) == (480, 406)
    assert [p.name for p in path.parent.iterdir()] == ["reach.webp"]


def test_a_directory_gets_a_clip_and_must_be_empty(tmp_path, capfd):
    arguments = ["random", "--task", "Reach", "--camera", "front", "--out", str(tmp_path / "here")]
    assert demo.main(arguments) == 0
    assert "not done" in capfd.readouterr().out
    assert frames_of(tmp_path / "here" / "clip.webp")[0] > 4
    with pytest.raises(UserError, match="not empty"):
        demo.main(arguments)


def test_the_film_tells_machine_hand_and_time():
    policy = Expert()
    request = EnvRequest("LoadChuck", {"observation": "flat"})
    shown = film(request, policy, seed=2_000_000, camera="chuck")
    assert shown.episode.success
    assert "chuck" in shown.instruction
    first, last = shown.shots[0].status, shown.shots[-1].status
    assert first == "machine READY, door OPEN, chuck OPEN   hand empty   0.0 s"
    assert "chuck CLOSED" in last
    assert last.endswith(f"{shown.episode.n_steps / 20:.1f} s")
    assert any("part held" in shot.status for shot in shown.shots)
    assert shown.shots[0].picture.shape == (360, 480, 3)
    frames = shown.frames(10)
    assert len(frames) == len(shown.shots) + 10
    np.testing.assert_array_equal(frames[0][:300], shown.shots[0].picture[:300])  # nothing hidden


def test_status_of_a_stranger_is_the_time():
    env = SimpleNamespace(unwrapped=SimpleNamespace(), metadata={"render_fps": 10})
    assert status(env, 15) == "1.5 s"


def said(request, seed):
    """The instruction of an episode."""
    env = request.make()
    text = env.reset(seed=seed)[1]["instruction"]
    env.close()
    return text


def test_the_window_shows_steps_when_they_are_due(monkeypatch, capfd):
    """Without a display: the same loop on an environment that opens no window."""
    clock = SimpleNamespace(now_s=100.0, slept=[])
    clock.perf_counter = lambda: clock.now_s

    def sleep(duration_s):
        clock.slept.append(duration_s)
        clock.now_s += duration_s

    clock.sleep = sleep
    monkeypatch.setattr(demo, "time", clock)
    request = EnvRequest("Reach", {"observation": "flat"})
    windowless = SimpleNamespace(make=lambda render_mode: request.make())
    demo.show(windowless, Expert(), [2_000_000], fps=20.0)
    out = capfd.readouterr().out.splitlines()
    assert out[0] == said(request, 2_000_000)
    assert "done after" in out[1]
    *steps, rest = clock.slept
    assert rest == 1.0
    assert steps == pytest.approx([0.05] * len(steps))


def test_a_closed_window_ends_the_show(capfd):
    """Closing PyBullet's window ends its engine, under the environment's feet."""

    class Closing(gymnasium.Wrapper):
        def step(self, action):
            pybullet.disconnect(self.unwrapped.world.client)
            return self.env.step(action)

    request = EnvRequest("Reach", {"observation": "flat"})
    windowless = SimpleNamespace(make=lambda render_mode: Closing(request.make()))
    demo.show(windowless, Expert(), [2_000_000], fps=20.0)
    assert capfd.readouterr().out.splitlines() == [said(request, 2_000_000), "the window was closed"]


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "experiments.demo", *arguments],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, **environment},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--task", "LoadChcuk"], "did you mean 'LoadChuck'"),
        (["--camera", "tary"], "did you mean 'tray'"),
        (["--out", "clip.gif"], "allowed are .webp, .mp4"),
        (["--robot", "fanuk"], "robot 'fanuk': allowed are"),
        (["--split", "sene"], "sene"),
        (["sac"], "has to learn first"),
        (["--episodes", "0"], "episodes is 0"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(arguments, told, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        demo.main(arguments)
    assert told in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="X11")
@pytest.mark.parametrize("display", ["", ":987"])
def test_a_window_without_a_display_is_refused(display):
    done = run("--window", DISPLAY=display)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "--window" in done.stderr
    assert "leave --window out" in done.stderr
