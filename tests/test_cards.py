"""The cards of the tasks: what they hold, that they are those of this code, and what is refused."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image

import envs
from envs.cell.core import task_class
from envs.cell.observation import state_names
from envs.cell.variation import FACTORS, split
from experiments import cards, demo, gallery, results
from experiments.config import UserError

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs" / "tasks"
HOW = f"{cards.COMMAND} --no-clips refreshes them"
SUMMARY = {
    "task": "LoadChuck", "agent": "taught", "robot": "lrmate200id", "seed": 0, "split": "seen",
    "options": {}, "n_success": 22, "n_episodes": 200, "ci95": [0.074, 0.161], "cycle_s": 4.25,
    "manifest": {"config": {"what": "taught"}},
}  # fmt: skip


def task_of(name):
    return task_class(re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower())


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """All cards without clips, made anew."""
    folder = tmp_path_factory.mktemp("cards") / "new" / "tasks"
    assert demo.main(["--cards", "--no-clips", "--out", str(folder)]) == 0
    return folder


def test_there_is_a_card_for_every_id_and_an_index(written):
    assert {p.stem for p in written.iterdir()} == {*envs.TASKS, "README"}
    index = (written / "README.md").read_text(encoding="utf-8")
    for env_id, name in zip(envs.CELL_IDS, envs.TASKS, strict=True):
        assert f"[`{env_id}`]({name}.md)" in index
        assert f"{name}_expert.webp" in index


@pytest.mark.parametrize("name", envs.TASKS)
def test_a_card_holds_what_the_environment_says(name, written):
    text, task = (written / f"{name}.md").read_text(encoding="utf-8"), task_of(name)
    assert [factor for factor in FACTORS if f"`{factor}`" not in text] == []
    assert [state for state in state_names(task, 6) if f"`{state}`" not in text] == []
    assert [term for term in task.weights if f"| `{term}` |" not in text] == []
    assert [option for option in task.options if f"| `{option}` |" not in text] == []
    assert len(task.goals) == len(task.tolerance)
    for goal, tolerance in zip(task.goals, task.tolerance, strict=True):
        word = goal.partition(" [")[0]
        assert f"| {word} |" in text
        if goal.endswith("[m]"):
            assert f"| {word} | m | {1000 * tolerance:.4g} mm |" in text
    for text_of in ("seen", "nominal"):
        low, high = split(text_of).factors["part_position_mm"]
        assert low == -high
        assert f"±{high:g}" in text
    assert f"after {task.max_steps} steps" in text
    said = text.partition("## Instructions")[2].partition("## ")[0]
    assert said.count("\n- ") == cards.N_INSTRUCTIONS
    assert ("cycle start" in text) == task.commands
    assert str(ROOT) not in text


def test_a_card_is_the_same_again(written):
    rows = results.read(results.FILE, envs.TASKS)
    assert cards.card("LoadVise", rows) == (written / "LoadVise.md").read_text(encoding="utf-8")


def test_the_committed_cards_are_those_of_this_code(written):
    assert {p.name for p in DOCS.glob("*.md")} == {p.name for p in written.iterdir()}, HOW
    for new in sorted(written.iterdir()):
        old = DOCS / new.name
        assert old.read_text(encoding="utf-8") == new.read_text(encoding="utf-8"), f"{old.name}: {HOW}"


def test_the_committed_clips_are_there_and_small():
    clips = {gallery.clip_name(name, agent) for name in envs.TASKS for agent in gallery.FILMED}
    assert {p.name for p in DOCS.glob("*.webp")} == clips
    assert sum(p.stat().st_size for p in DOCS.iterdir()) <= 8e6
    for name in clips:
        with Image.open(DOCS / name) as image:
            assert image.size[0] == gallery.WIDTH_PX
            assert image.n_frames > 4


def test_the_readme_shows_the_gallery_and_every_id():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "\n".join(gallery.gallery("docs/tasks/")) in readme
    assert [env_id for env_id in envs.CELL_IDS if f"`{env_id}`" not in readme] == []


def test_one_card_with_its_clips(tmp_path, capfd):
    assert demo.main(["--cards", "--task", "Reach", "--out", str(tmp_path)]) == 0
    names = {"README.md", "Reach.md", "Reach_expert.webp", "Reach_taught.webp"}
    assert {p.name for p in tmp_path.iterdir()} == names
    assert "Reach_expert.webp: done after" in capfd.readouterr().out


# --- Results -------------------------------------------------------------------------------------


def put(folder, name, summary):
    path = folder / name / "evaluation.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(summary if isinstance(summary, str) else json.dumps(summary), encoding="utf-8")
    return path


def test_results_are_gathered_kept_and_shown(tmp_path):
    put(tmp_path, "a/b", SUMMARY)
    run = {**SUMMARY, "agent": "dagger", "n_success": 199, "manifest": {"config": {"what": "runs/x"}}}
    put(tmp_path, "c", run)
    (tmp_path / "c" / "config.yaml").write_text("seed: 1\nstart: runs/first\nsteps: null\n", encoding="utf-8")
    rows = results.gather(tmp_path, envs.TASKS)
    assert [row["agent"] for row in rows] == ["dagger", "taught"]
    results.write(tmp_path / "results.json", rows)
    assert results.read(tmp_path / "results.json", envs.TASKS) == rows
    assert "| LoadChuck | 22/200 [7.4, 16.1] |" in cards.index(rows)
    text = cards.card("LoadChuck", rows)
    assert (
        "| taught | seen | 22/200 [7.4, 16.1] | 4.25 s | `python -m experiments.evaluate taught "
        "--task LoadChuck --split seen --robot lrmate200id --episodes 200 --seed 0` |"
    ) in text
    assert (
        "train --task LoadChuck --agent dagger --robot lrmate200id --seed 1 --start first --out RUN" in text
    )
    assert "None have been recorded." in "".join(map(str, results.section("Reach", rows)))


def test_the_verb_gathers_results_first(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(results, "FILE", tmp_path / "results.json")
    put(tmp_path / "runs", "a", {**SUMMARY, "task": "Reach", "cycle_s": None})
    where = ["--results", str(tmp_path / "runs"), "--out", str(tmp_path / "tasks")]
    assert demo.main(["--cards", "--no-clips", "--task", "Reach", *where]) == 0
    assert "1 results are in" in capfd.readouterr().out
    assert len(json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))) == 1
    assert "| taught | seen | 22/200 [7.4, 16.1] |  |" in (tmp_path / "tasks" / "Reach.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("summary", "told"),
    [
        ("{", "not JSON"),
        ("[]", "not a mapping"),
        ({**SUMMARY, "task": "LoadChcuk"}, "task 'LoadChcuk' is not that of a result"),
        ({**SUMMARY, "n_success": 201}, "n_success 201"),
        ({**SUMMARY, "ci95": [0.1]}, "ci95"),
        ({**SUMMARY, "cycle_s": "4"}, "cycle_s '4'"),
        ({**SUMMARY, "manifest": {}}, "manifest.config.what is missing"),
        ({**SUMMARY, "agent": "bc"}, "config.yaml must lie beside it"),
    ],
)
def test_a_damaged_result_is_one_line(summary, told, tmp_path):
    path = put(tmp_path, "a", summary)
    with pytest.raises(UserError) as caught:
        results.gather(tmp_path, envs.TASKS)
    assert told in str(caught.value)
    assert str(path.parent) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_result_and_two_of_one_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"no evaluation\.json under"):
        results.gather(tmp_path, envs.TASKS)
    put(tmp_path, "a", SUMMARY)
    put(tmp_path, "b", SUMMARY)
    with pytest.raises(UserError, match="of the same evaluation"):
        results.gather(tmp_path, envs.TASKS)


# --- What is refused -----------------------------------------------------------------------------


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match="cannot write to") as caught:
        demo.main(["--cards", "--no-clips", "--out", str(tmp_path / "file" / "tasks")])
    assert "\n" not in str(caught.value)


def test_outside_a_checkout_a_folder_is_needed(tmp_path, monkeypatch):
    monkeypatch.setattr(cards, "ROOT", tmp_path)
    with pytest.raises(UserError, match=r"not a checkout: --cards needs --out DIR"):
        demo.main(["--cards"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--cards", "--task", "LoadChcuk"], "did you mean 'LoadChuck'"),
        (["--no-clips"], "go with --cards"),
        (["--results", "runs"], "go with --cards"),
        (["--cards", "--window"], "one of them"),
    ],
)
def test_a_mistake_is_one_line(arguments, told):
    with pytest.raises(UserError) as caught:
        demo.main(arguments)
    assert told in str(caught.value)
