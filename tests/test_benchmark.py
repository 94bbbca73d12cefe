"""The benchmark in a cell: rows, cells, resuming, what fails, what the page holds."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import experiments.pool
from agents.policy import Policy, Privileged
from envs.cell.language import parse
from experiments import benchmark, controls
from experiments.benchmarking import cells, pieces, rows, runs, trials
from experiments.benchmarking.page import page
from experiments.errors import UserError
from experiments.pool import Job, Pool
from experiments.published import published
from experiments.rollout import EnvRequest, kept_env
from tests.bench import LocalPool, bench, make_run
from tests.test_failures import Fetch

SPLITS = ("--splits", "seen", "nominal")


@pytest.fixture(autouse=True)
def here(monkeypatch):
    """Jobs run in this process."""
    monkeypatch.setattr(experiments.pool, "Pool", LocalPool)


@pytest.fixture
def learned(tmp_path):
    for seed in range(3):
        make_run(tmp_path / f"kf-{seed}", seed)
    return f"kf={tmp_path}/kf-*"


# -- who and what -------------------------------------------------------------------------------------


def test_rows_name_agents_runs_and_groups_of_runs(tmp_path):
    for name in ("a", "b-1", "b-2"):
        make_run(tmp_path / name)
    found = rows.parse_rows(
        [f"{tmp_path}/a", f"b={tmp_path}/b-*", f"c={tmp_path}/a,{tmp_path}/b-1"], standing=True
    )
    assert [r.name for r in found] == [*rows.STANDING, "a", "b", "c"]
    assert [len(r.who) for r in found[-3:]] == [1, 2, 2]
    assert [r.learned for r in found] == [False] * 4 + [True] * 3
    assert [r.name for r in rows.parse_rows(["taught"], standing=True)].count("taught") == 1
    assert rows.parse_rows(["sac"], standing=False)[0].who == ("sac",)


@pytest.mark.parametrize(
    ("who", "message"),
    [
        (["runs/none-*"], "no run's directory fits"),
        (["x=runs/none"], "there is no run's directory 'runs/none'"),
        (["=a"], "NAME=RUN1,RUN2"),
        (["x="], "NAME=RUN1,RUN2"),
        (["x=random,random"], "more than once"),
    ],
)
def test_rows_that_are_not_there_are_told_in_one_line(who, message):
    with pytest.raises(UserError, match=re.escape(message)):
        rows.parse_rows(who, standing=False)


def test_cells_have_the_usual_order_and_stress_only_what_a_task_has():
    found = cells.cells_of("LoadChuck")
    names = [c.name for c in found]
    assert names[:2] == ["nominal", "seen"]
    assert names[-5:] == [f"physics-{k}" for k in range(1, 6)]
    assert dict(found[-1].options) == {"stress": "oil_film:5,payload:5,fixture_offset:5,latency:5"}
    assert dict(cells.cells_of("Reach", ("physics-2",))[0].options) == {"stress": "latency:2"}
    assert [c.name for c in cells.cells_of("LoadChuck", ("physics-3", "seen"))] == ["physics-3", "seen"]
    assert dict(cells.cells_of("LoadChuck", ("chips-4",))[0].options) == {"stress": "chips:4"}
    with pytest.raises(UserError, match="split 'chips-1'"):
        cells.cells_of("Reach", ("chips-1",))
    with pytest.raises(UserError, match="did you mean 'nominal'"):
        cells.cells_of("LoadChuck", ("nominl",))


def test_a_split_seed_draws_unseen_splits_afresh_and_leaves_the_others(monkeypatch):
    monkeypatch.setattr(cells, "splits_of", lambda task: ("nominal", "seen", "objects-hard"))
    found = {c.name: c.split for c in cells.cells_of("LoadChuck", split_seed=7)}
    assert found["objects-hard"] == "objects-hard@7"
    assert found["seen"] == "seen"
    assert found["physics-1"] == "seen"


# -- running ------------------------------------------------------------------------------------------


def test_the_table_has_every_row_and_control_on_the_same_episodes(tmp_path, learned):
    code, told = bench(tmp_path / "out", learned, "random", *SPLITS, "--episodes", "6")
    assert code == benchmark.EXIT_FAILED_CELLS  # this environment has no plan to follow
    assert {f["row"] for f in told["failed"]} == {"expert", "taught", "integrator"}
    assert all("\n" not in f["error"] for f in told["failed"])
    names = [row["name"] for row in told["rows"]]
    assert names == ["expert", "taught", "integrator", "kf", "kf: replay", "random"]
    by_name = {row["name"]: row for row in told["rows"]}
    assert by_name["kf"]["cells"]["seen"]["n_episodes"] == 18
    assert len(by_name["kf"]["cells"]["seen"]["per_policy"]) == 3
    assert by_name["kf"]["cells"]["seen"]["success_rate"] > by_name["random"]["cells"]["seen"]["success_rate"]
    assert list(by_name["kf: replay"]["cells"]) == ["seen"]
    seeds = {tuple(e["seed"]) for e in told["episodes"]}
    assert len(seeds) == 1
    assert len(next(iter(seeds))) == 6
    pair = next(t for t in told["paired"] if t["cell"] == "seen")
    assert {pair["a"], pair["b"]} == {"kf", "random"}
    assert pair["test"].startswith("sign-flip")
    late = by_name["kf"]["latency"]
    assert 0 < late["median_ms"] <= late["p99_ms"]
    assert sum(by_name["kf"]["where"]["share"].values()) == pytest.approx(1.0)


def test_finished_cells_are_not_run_again_and_more_episodes_only_add(tmp_path, monkeypatch):
    ran = []
    plain = trials.run_trials_of

    def counted(request, policy, seeds, swapped):
        ran.extend(seeds)
        return plain(request, policy, seeds, swapped)

    monkeypatch.setattr(trials, "run_trials_of", counted)
    words = ("random", "--no-controls", *SPLITS)
    _, first = bench(tmp_path / "out", *words, "--episodes", "5")
    assert len(ran) == 10
    _, again = bench(tmp_path / "out", *words, "--episodes", "5")
    assert len(ran) == 10
    assert again["episodes"] == first["episodes"]
    _, more = bench(tmp_path / "out", *words, "--episodes", "8")
    assert len(ran) == 16
    _, less = bench(tmp_path / "out", *words, "--episodes", "5")
    assert len(ran) == 16
    assert less["episodes"] == first["episodes"]
    _, whole = bench(tmp_path / "whole", *words, "--episodes", "8")
    assert whole["episodes"] == more["episodes"]


def test_the_order_of_jobs_changes_nothing(tmp_path, learned, monkeypatch):
    told = []
    for backwards in (False, True):
        monkeypatch.setattr(LocalPool, "backwards", backwards)
        _, one = bench(
            tmp_path / str(backwards), learned, "random", "--no-controls", *SPLITS, "--episodes", "9"
        )
        told.append({key: one[key] for key in ("episodes", "paired", "cells")})
    assert told[0] == told[1]


@pytest.mark.parametrize("stale", ["redo", "keep"])
def test_what_was_made_with_other_versions_is_told_and_not_silently_used(tmp_path, capsys, stale):
    out = tmp_path / "out"
    words = ("random", "--no-controls", "--splits", "seen", "--episodes", "3")
    bench(out, *words)
    (file,) = (out / "cells").glob("*.json")
    text = file.read_text().replace(np.__version__, "1.99.0")
    file.write_text(re.sub(r'("episodes.steps": \[)\d+', r"\g<1>777", text))
    capsys.readouterr()
    _, told = bench(out, *words, "--stale", stale)
    said = capsys.readouterr().err
    assert f"versions.numpy 1.99.0, now {np.__version__}" in said
    steps = told["episodes"][0]["steps"]
    cell = told["rows"][0]["cells"]["seen"]
    assert (steps[0] == 777) == (stale == "keep")
    assert bool(cell["stale"]) == (stale == "keep")
    assert ("kept from other versions" in (out / "benchmark.html").read_text()) == (stale == "keep")


def test_a_damaged_piece_is_named(tmp_path, capsys):
    out = tmp_path / "out"
    words = ("random", "--no-controls", "--splits", "seen", "--episodes", "3")
    bench(out, *words)
    (file,) = (out / "cells").glob("*.json")
    for text in (file.read_text()[:-40], "{}", file.read_text().replace("[2", "[[2", 1), "[]"):
        file.write_text(text)
        with pytest.raises(UserError, match="is damaged"):
            bench(out, *words)


class Raises(Policy):
    """Gives up in the middle of the second episode."""

    n = 0

    def reset(self, instruction, seed):
        self.seed = seed

    def act(self, observation):
        if self.seed % 7 == 2:
            raise RuntimeError("no\nmore")
        return np.zeros(5, np.float32)


def test_a_policy_that_raises_costs_its_own_cells_only(tmp_path, monkeypatch, capsys):
    real = runs.Run._load
    monkeypatch.setattr(runs.Run, "_load", lambda self, who: Raises() if who == "sac" else real(self, who))
    code, told = bench(tmp_path / "out", "random", "sac", "--no-controls", *SPLITS, "--episodes", "12")
    assert code == 1
    assert {(f["row"], f["error"]) for f in told["failed"]} == {("sac", "RuntimeError: no more")}
    assert list(told["rows"][0]["cells"]) == ["seen", "nominal"]
    assert told["rows"][1]["cells"] == {}
    assert "FAILED: sac on seen" in capsys.readouterr().out
    assert len(list((tmp_path / "out" / "cells").glob("*.json"))) == 2


def test_mistakes_leave_nothing_behind(tmp_path):
    for words, message in (
        (["sac"], "has to learn first"), (["runs/x"], "there is no run's directory"),
        (["random", "--splits", "sen"], "split 'sen'"), (["--no-controls"], "nobody to benchmark"),
        (["randm"], "did you mean 'random'"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=message):
            bench(tmp_path / "x", *words)
        assert not (tmp_path / "x").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty"):
        bench(tmp_path / "full", "random", "--no-controls", "--splits", "seen", "--episodes", "1")


def test_a_second_run_in_the_same_folder_is_refused(tmp_path):
    words = ("random", "--no-controls", "--splits", "seen", "--episodes", "1")
    bench(tmp_path / "out", *words)
    lock = benchmark._locked(tmp_path / "out" / ".lock")
    with lock, pytest.raises(UserError, match="in use"):
        bench(tmp_path / "out", *words)
    assert bench(tmp_path / "out", *words)[0] == 0


# -- workers that die ---------------------------------------------------------------------------------


def die_once(marker):
    """Kills its own process the first time."""
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return "second"
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


def succeed(number):
    if number == 3:
        raise ValueError("three")
    return 2 * number


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_is_lost_with_a_worker_is_done_again(tmp_path, monkeypatch):
    jobs = [Job(i, succeed, (i,)) for i in range(6)]
    jobs.insert(2, Job("dies", die_once, (str(tmp_path / "marker"),)))
    with Pool(1) as pool:
        done = {d.job.key: d for d in pool.run(jobs)}
        assert pool.n_deaths == 1
        assert {key: d.value for key, d in done.items() if isinstance(key, int) and key != 3} == {
            i: 2 * i for i in (0, 1, 2, 4, 5)
        }
        assert str(done[3].error) == "three"
        assert (done["dies"].value, done["dies"].redone) == ("second", True)
        monkeypatch.setattr(experiments.pool, "_PATIENCE", 1)
        with pytest.raises(UserError, match="died 1 times in a row"):
            list(pool.run([Job("dies", die)]))


@pytest.mark.slow
def test_killing_a_worker_of_a_benchmark_changes_no_bit(tmp_path):
    words = (
        "expert --no-controls --no-clips --task Reach --splits seen nominal --episodes 60 --workers 2 --out"
    )
    command = [sys.executable, "-m", "experiments.benchmark", *words.split()]
    subprocess.run([*command, tmp_path / "calm"], check=True, capture_output=True, timeout=300)
    process = subprocess.Popen([*command, tmp_path / "shot"], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 200
    while not list((tmp_path / "shot").glob("cells/*.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    workers = [c for c in children if "spawn_main" in Path(f"/proc/{c}/cmdline").read_text()]
    os.kill(int(workers[0]), signal.SIGKILL)
    error = process.communicate(timeout=300)[1]
    assert process.returncode == 0, error
    calm, shot = (json.loads((tmp_path / name / "benchmark.json").read_text()) for name in ("calm", "shot"))
    assert "a worker died" in error
    assert calm["episodes"] == shot["episodes"]


# -- controls -----------------------------------------------------------------------------------------


class Echo(Policy):
    """Keeps what it is shown and told."""

    needs = replace(Policy.needs, observation="rgb")

    def reset(self, instruction, seed):
        self.told = instruction

    def act(self, observation):
        self.seen = observation
        return np.array([0.5, 0.5], np.float32)


def seen():
    return {
        "image_tray": np.arange(12, dtype=np.uint8).reshape(2, 2, 3),
        "depth_tray": np.ones((2, 2), np.float32),
        "agent_pos": np.ones(3, np.float32),
        "instruction": np.full(4, 9, np.int32),
    }


def test_reworded_says_another_sentence_in_words_and_tokens_and_leaves_the_pictures():
    from envs.cell.language import encode

    echo = Echo()
    told = set()
    policy = controls.Reworded(echo, ("load the red ring", "load the blue shaft", "load it"))
    for seed in range(40):
        policy.reset("load it", seed)
        observation = seen()
        policy.act(observation)
        told.add(echo.told)
        np.testing.assert_array_equal(echo.seen["instruction"], encode(echo.told))
        np.testing.assert_array_equal(echo.seen["image_tray"], observation["image_tray"])
        assert observation["instruction"][0] == 9  # what it was given is left alone
    assert told == {"load the red ring", "load the blue shaft"}
    blank = controls.Reworded(echo, ("",))
    blank.reset("load it", 0)
    blank.act(seen())
    assert echo.told == ""
    assert not echo.seen["instruction"].any()


def test_vision_blind_sees_grey_and_feels_as_before():
    echo = Echo()
    policy = controls.VisionBlind(echo)
    policy.reset("load it", 0)
    policy.act(seen())
    assert echo.told == "load it"
    assert (echo.seen["image_tray"] == controls.GREY).all()
    assert echo.seen["image_tray"].dtype == np.uint8
    assert not echo.seen["depth_tray"].any()
    assert (echo.seen["agent_pos"] == 1).all()


def test_replay_repeats_and_then_stands_still_with_its_gripper():
    policy = controls.Replay(np.array([[0.1, 1.0], [0.2, -1.0]]), "ee_yaw")
    policy.reset("", 0)
    acts = [policy.act(None) for _ in range(4)]
    np.testing.assert_allclose(acts, [[0.1, 1.0], [0.2, -1.0], [0.0, -1.0], [0.0, -1.0]])
    policy.reset("", 1)
    np.testing.assert_allclose(policy.act(None), [0.1, 1.0])


def test_only_a_policy_with_eyes_and_ears_gets_all_controls():
    assert controls.controls_of(Echo()) == tuple(controls.CONTROLS)
    assert controls.controls_of(Policy.__new__(Raises)) == ("replay",)


# -- the page -----------------------------------------------------------------------------------------


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.links, self.open = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for key, value in attrs if key in ("src", "href") and value]
        if tag not in ("meta", "img", "br", "path", "rect", "circle", "polyline", "polygon"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_one_file_that_fetches_nothing_and_escapes_everything(tmp_path, learned):
    _, told = bench(tmp_path / "out", learned, "random", "--no-controls", *SPLITS, "--episodes", "4")
    evil = "<script>alert(1)</script>&\"'"
    told["rows"][0]["name"] = evil
    told["failed"] = [{"row": evil, "cell": evil, "error": evil}]
    told["classical"] = evil
    (tmp_path / "clip.webp").write_bytes(b"RIFF")
    told["clips"] = [
        {"cause": evil, "row": evil, "cell": evil, "seed": 1, "instruction": evil, "file": "clip.webp"}
    ]
    html = page(told, tmp_path)
    reader = Reader()
    reader.feed(html)
    assert not reader.open
    assert "script" not in reader.tags
    assert "alert(1)" in html
    assert all(link.startswith("data:image/webp;base64,") for link in reader.links)
    assert "//" not in html.replace('xmlns="http://www.w3.org/2000/svg"', "").replace("standin:", "")
    assert "Not a result" not in html


def test_a_quick_look_is_marked_everywhere(tmp_path, capsys):
    out = tmp_path / "out"
    _, told = bench(out, "random", "--no-controls", "--splits", "seen", "--quick")
    assert told["quick"] is True
    assert told["n_episodes"] == benchmark.QUICK_EPISODES
    assert "Not a result" in (out / "benchmark.html").read_text()
    assert "QUICK LOOK" in capsys.readouterr().out


def test_published_rows_say_why_they_are_not_comparable():
    found = {row["name"]: row for row in published()}
    assert found["RT-2 PaLI-X 55B"]["unseen_average"] == 62
    assert found["RT-1 35M"]["unseen_average"] == 32
    for row in found.values():
        if len(row["cells"]) == 6:  # the paper's average is that of its six cells, rounded
            assert abs(np.mean(list(row["cells"].values())) - row["unseen_average"]) < 1
            assert set(row["cells"]) == set(cells.UNSEEN)


# -- episodes -----------------------------------------------------------------------------------------


def test_a_trial_is_the_episode_that_evaluate_runs(tmp_path):
    from agents.random_agent import Random
    from experiments.rollout import Rollouts, prepare, run_episode

    request = EnvRequest("Reach", {"split": "seen", "observation": "flat"})
    policy = Random()
    (trial,), timing = trials.run_trials(request, policy, [2_000_005])
    env = request.make()
    prepare(policy, env)
    episode = run_episode(env, Rollouts(policy), 2_000_005)
    env.close()
    assert (trial.success, trial.n_steps, trial.sum_reward) == (
        episode.success,
        episode.n_steps,
        episode.sum_reward,
    )
    assert trial.cause == "time-out"
    assert trial.skill == "reach"
    assert sum(timing.act.values()) == timing.n_steps == trial.n_steps
    assert timing.physics_s > 0
    assert timing.wall_s > timing.physics_s + timing.act_s


class TakesTheOld(Policy, Privileged):
    """Takes the part that was named before another one was."""

    def bind(self, env):
        self.env = env.unwrapped

    def reset(self, instruction, seed):
        self.hand = Fetch(1)  # the named one comes first, the others follow in their order

    def act(self, observation):
        return np.array(self.hand(self.env, 0), np.float32)


def test_swapped_names_another_part_of_the_same_scene_and_tells_who_took_the_old_one():
    request = EnvRequest("LoadChuck", {"split": "seen", "observation": "flat"})
    assert trials.can_swap(request, 2_000_000)
    assert not trials.can_swap(EnvRequest("Reach", {"split": "seen", "observation": "flat"}), 2_000_000)
    env = kept_env(request)
    seed = next(s for s in range(2_000_000, 2_000_050) if trials.other_named(env, s) is not None)
    options, slot = trials.other_named(env, seed)
    assert options["named"] > 0
    parts = {}
    for key, some in (("old", None), ("new", options)):
        _, info = env.reset(seed=seed, options=some)
        draw = env.unwrapped.cell.draw
        parts[key] = draw.candidates[0]
        assert sorted(c.slot for c in draw.candidates) == sorted({c.slot for c in draw.candidates})
        assert parts[key].kind.word in parse(info["instruction"]).part
    assert parts["old"].slot == slot != parts["new"].slot
    (trial,), _ = trials.run_trials(request, TakesTheOld(), [seed], swapped=True)
    assert trial.took_old
    assert trial.cause == "wrong object"
    assert trial.possible


def test_times_of_act_are_kept_to_two_percent():
    timing = trials.Timing()
    for ms in range(1, 1001):
        timing.act[int(np.log(ms * 1e-3 / 1e-6) / np.log(trials.BIN))] += 1
    assert timing.quantile_ms(0.5) == pytest.approx(500, rel=0.02)
    assert timing.quantile_ms(0.99) == pytest.approx(990, rel=0.02)
    assert trials.Timing().quantile_ms(0.5) is None


def test_pieces_survive_being_written(tmp_path):
    row = rows.Row("a/b <c>", ("random",))
    piece = pieces.Piece(row, 0, cells.BenchCell("seen", "seen"), {"n": 1.5})
    piece.trials = [
        trials.Trial(5, True, 9, -0.1 - 0.2, None, "load it", "red ring", "load"),
        trials.Trial(6, False, 3, 1e-17, "dropped", "load that", "red ring", "load", True, False),
    ]
    piece.timing.act[3] = 4
    pieces.save(tmp_path, piece)
    back = pieces.Piece(row, 0, piece.cell, {"n": 1.5})
    assert pieces.restore(tmp_path, back) == {"n": 1.5}
    assert back.trials == piece.trials
    assert back.timing == piece.timing
    assert pieces.restore(tmp_path, pieces.Piece(row, 1, piece.cell, {})) is None
