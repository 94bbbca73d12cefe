"""The verb `speed`: its figures, what it prints, and what it refuses."""

import json
import subprocess
import sys

import gymnasium
import numpy as np
import pytest

import envs
from envs.cell import look
from envs.cell.layout import CAMERAS
from envs.cell.textures import surface
from experiments import measure, speed
from experiments.config import UserError
from experiments.measure import Effort, Stretch

TINY = Effort(2, steps=12, resets=3, frames=2, memory_resets=20, other_memory_resets=0)


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    """The figures of a tiny measurement of everything, and what was printed."""
    out = tmp_path_factory.mktemp("speed") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "QUICK", TINY)
        assert speed.main(["--quick", "--out", str(out)]) == 0
    return json.loads((out / "speed.json").read_text(encoding="utf-8"))


def test_every_task_has_its_figures(figures):
    assert set(figures["tasks"]) == set(envs.TASKS)
    for task in figures["tasks"].values():
        assert task["reset_is_exact"] is True
        for actions in ("random", "expert"):
            some = task[actions]
            assert 1 < some["steps_per_s"]["median"] <= some["steps_per_s"]["best"] < 50_000
            assert 0 < some["engine_share"]["best"] < 1
            assert 0 < some["engine_share"]["median"] < 1
            outside = some["outside_engine_us"]
            assert 0 < outside["best"] <= outside["median"]
            simulated = some["simulated_s_per_wall_s"]["best"]
            assert simulated == pytest.approx(some["steps_per_s"]["best"] / 20)
            assert some["steps_per_s_with_resets"]["best"] <= some["steps_per_s"]["best"]
            assert (some["n_steps"], some["repetitions"]) == (12, 2)
        for some in (task["reset_ms"], task["reset_with_visuals_ms"]):
            assert 0 < some["best"] <= some["median"] <= some["p95"]
            assert some["best"] < 10_000


def test_every_camera_of_every_task_has_its_figures(figures):
    for task in figures["tasks"].values():
        assert set(task["pictures_ms"]) == set(CAMERAS)
        for some in task["pictures_ms"].values():
            assert set(some) == {"64", "96", "128"}
            assert all(0 < f["best"] <= f["median"] for f in some.values())
            assert min(f["best"] for f in some.values()) < 10_000


def test_memory_peer_and_manifest(figures):
    watched = {name: task["memory"] for name, task in figures["tasks"].items() if "memory" in task}
    assert set(watched) == {"LoadChuck"}
    memory = watched["LoadChuck"]
    assert memory["n_resets"] == 20
    assert memory["growth_mb"] < 20
    assert len(memory["samples_mb"]) == 21
    assert figures["peer"]["installed"] is measure.has_peer()
    for task in figures["tasks"].values():
        assert ("peer" in task) is measure.has_peer()
        for ratio in (task["peer"]["ratio"], task["peer"]["ratio_with_resets"]) if "peer" in task else ():
            assert 0 < ratio["min"] <= ratio["median"] <= ratio["max"]
    assert figures["manifest"]["config"]["quick"] is True
    assert figures["manifest"]["effort"]["steps"] == 12


def test_the_table_tells_it_all(figures):
    lines = list(speed.table(figures))
    assert max(map(len, lines)) <= 110
    for name, task in figures["tasks"].items():
        steps, resets, pictures = rows_of(name, lines, (2, 1, len(CAMERAS)))
        assert [row[1] for row in steps] == ["random", "expert"]
        assert resets[0][3] == "yes"
        assert f"{task['reset_ms']['median']:.2f}" in resets[0][1]
        assert [row[1] for row in pictures] == list(task["pictures_ms"])
    assert measure.PEER_ID in "\n".join(lines)
    without = speed.table({**figures, "peer": {**figures["peer"], "installed": False}})
    assert list(without)[-1].endswith(measure.PEER_INSTALL)


def rows_of(task, lines, counts):
    """The cells of a task's rows, table by table."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line[:1] == "|"]
    own = iter([row for row in rows if row[0] == task])
    found = [[next(own) for _ in range(count)] for count in counts]
    assert next(own, None) is None
    return found


def test_the_best_takes_each_step_at_its_least():
    """Whatever another program takes from one repetition, in the engine or beside it, does not count."""
    calm = [8e-4, 16e-4], [2e-4, 4e-4]
    parts = [
        Stretch(np.array([8e-4, 90e-4]), np.array([2e-4, 4e-4]), 3e-3),
        Stretch(np.array([9e-4, 16e-4]), np.array([2e-4, 70e-4]), 2e-3),
        Stretch(np.array([9e-4, 16e-4]), np.array([3e-4, 4e-4]), 4e-3),
    ]
    some, undisturbed = (
        measure.step_figures(p, 0.05) for p in (parts, [Stretch(*map(np.array, calm), 2e-3)])
    )
    for name in ("steps_per_s", "simulated_s_per_wall_s", "engine_share", "outside_engine_us"):
        assert some[name]["best"] == pytest.approx(undisturbed[name]["best"])
    assert undisturbed["engine_share"] == pytest.approx({"best": 0.8, "median": 0.8})
    assert some["engine_share"]["median"] == pytest.approx(25 / 32)
    assert some["steps_per_s"] == pytest.approx({"best": 2 / 30e-4, "median": 2 / 97e-4})
    assert some["simulated_s_per_wall_s"]["best"] == pytest.approx(0.05 * 2 / 30e-4)
    assert some["outside_engine_us"] == pytest.approx({"best": 300, "median": 350})
    assert some["steps_per_s_with_resets"]["best"] == pytest.approx(2 / 50e-4)


def test_repetitions_are_the_same_steps():
    """So that the least time of each may be taken: the stretch of one seed leaves the same bits."""
    env = gymnasium.make("Monozukuri/Reach-v0", observation="flat")
    last = []
    for _ in range(2):
        measure.stretch(env, measure.random_act(env, 3), 15, 3)
        last.append(env.unwrapped.expert_action().tobytes())
    env.close()
    assert last[0] == last[1]


def test_a_reset_makes_no_surface_that_nobody_sees(monkeypatch):
    """A texture takes as long to make as the rest of a reset."""
    made = []
    monkeypatch.setattr(look, "surface", lambda *names: made.append(names) or surface(*names))
    for options in ({"observation": "flat"}, {"render_mode": "rgb_array"}):
        env = gymnasium.make("Monozukuri/PickPart-v0", split="seen", **options)
        assert not made
        for seed in range(3):
            env.reset(seed=seed)
        env.close()
    assert made


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--tasks", "Reech"], "did you mean 'Reach'"),
        (["--tasks", "Reach", "Reach"], "more than once"),
        (["--tasks", "CartPole:CartPole-v1"], f"allowed are {', '.join(envs.TASKS)}"),
        (["--robot", "fanuk"], "robot 'fanuk': allowed are"),
        (["--seed", "-1"], "seed is -1"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(arguments, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        speed.main(["--quick", *arguments])
    assert told in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_exit_code_and_one_line_for_a_bad_task():
    command = [sys.executable, "-m", "experiments.speed", "--tasks", "Nothing"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: unknown task 'Nothing'")
    assert done.stderr.count("\n") == 1


def test_torch_is_never_imported(tmp_path):
    code = (
        "import sys\n"
        "from experiments import measure, speed\n"
        "measure.QUICK = measure.Effort(1, 3, 1, 1, 1)\n"
        f"speed.main(['--quick', '--tasks', 'Reach', '--out', {str(tmp_path / 'run')!r}])\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=120)


def test_machine_tools_are_stepped_in_a_batch(figures):
    assert set(figures["machines"]) == set(envs.PROCESS_IDS)
    for some in figures["machines"].values():
        assert some["lanes"] == 4096
        assert 10_000 < some["machines_per_s"]["median"] <= some["machines_per_s"]["best"] < 1e8
