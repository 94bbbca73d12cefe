"""The verb `speed`: its figures, what it prints, and what it refuses."""

import json
import subprocess
import sys

import pytest

import envs
from experiments import measure, speed
from experiments.config import UserError
from experiments.measure import Effort, Stretch

TINY = Effort(repetitions=2, steps=12, resets=3, frames=2, memory_resets=20)


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
            assert 20 < some["steps_per_s"]["median"] <= some["steps_per_s"]["best"] < 50_000
            assert 0.2 < some["engine_share"]["median"] <= some["engine_share"]["best"] < 1
            outside = some["outside_engine_us"]
            assert 0 < outside["best"] <= outside["median"]
            simulated = some["simulated_s_per_wall_s"]["best"]
            assert simulated == pytest.approx(some["steps_per_s"]["best"] / 20)
            assert some["steps_per_s_with_resets"]["best"] <= some["steps_per_s"]["best"]
            assert (some["n_steps"], some["repetitions"]) == (12, 2)
        for visuals in ("without_visuals", "with_visuals"):
            some = task["reset_ms"][visuals]
            assert 0 < some["best"] <= some["median"] <= some["p95"] < 1000


def test_every_camera_has_its_figures(figures):
    cameras = figures["pictures_ms"]["cameras"]
    assert set(cameras) == {"cell", "tray", "chuck", "front"}
    for some in cameras.values():
        assert set(some) == {"64", "96", "128"}
        assert all(0 < f["best"] <= f["median"] < 1000 for f in some.values())


def test_memory_peer_and_manifest(figures):
    memory = figures["memory"]
    assert (memory["task"], memory["n_resets"]) == ("LoadChuck", 20)
    assert memory["growth_mb"] < 20
    assert len(memory["samples_mb"]) == 21
    peer = figures["peer"]
    assert peer["installed"] is measure.has_peer()
    assert set(peer["tasks"]) == (set(figures["tasks"]) if peer["installed"] else set())
    for some in peer["tasks"].values():
        for ratio in (some["ratio"], some["ratio_with_resets"]):
            assert 0 < ratio["min"] <= ratio["median"] <= ratio["max"]
    assert figures["manifest"]["config"]["quick"] is True
    assert figures["manifest"]["effort"]["steps"] == 12


def test_the_table_tells_it_all(figures):
    text = "\n".join(speed.table(figures))
    for name in (*figures["tasks"], *figures["pictures_ms"]["cameras"], measure.PEER_ID):
        assert name in text
    assert max(map(len, text.splitlines())) <= 110
    without = "\n".join(speed.table({**figures, "peer": {
        "id": measure.PEER_ID, "installed": False, "install": measure.PEER_INSTALL, "tasks": {}
    }}))  # fmt: skip
    assert without.splitlines()[-1].endswith(measure.PEER_INSTALL)


def test_step_figures_are_what_they_say():
    parts = [Stretch(100, 0.1, 0.08, 0.1), Stretch(100, 0.2, 0.17, 0.2)]
    some = measure.step_figures(parts, 0.05)
    assert some["steps_per_s"] == pytest.approx({"best": 1000, "median": 750})
    assert some["simulated_s_per_wall_s"] == pytest.approx({"best": 50, "median": 37.5})
    assert some["engine_share"] == pytest.approx({"best": 0.85, "median": 0.825})
    assert some["outside_engine_us"] == pytest.approx({"best": 200, "median": 250})
    assert some["steps_per_s_with_resets"] == pytest.approx({"best": 500, "median": 375})


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
