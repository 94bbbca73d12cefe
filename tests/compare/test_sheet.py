"""Studies side by side."""

import json
import re
from pathlib import Path

import pytest

from experiments.compare import main
from experiments.comparison.sheet import read_studies, tables
from experiments.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted((ROOT / "docs").glob("compare_*.json"))


def entry(mean, ci95):
    return {"mean": mean, "ci95": ci95, "unit": "1"}


def study(strength=0, names=("automated", "autonomous"), **more):
    """A study in which the second way costs half as much and is as good, and nobody found an interval."""
    kinds = ("first_pass_yield", "on_time_ratio", "cycles_between_assists")
    modes = {
        name: {
            "cost": {"cost_per_good_part": entry(4.0 / (1 + k), [3.0 / (1 + k), 12.0 / (1 + k)])},
            "other": {kind: entry(None if kind == "on_time_ratio" else 0.5, None) for kind in kinds},
        }
        for k, name in enumerate(names)
    }
    metrics = ("first_pass_yield", "escaped_defects_ppm", "good_parts_per_h", "on_time_ratio",
               "paid_labour_h_per_good_part", "interventions_per_100_parts", "kwh_per_good_part",
               "kgco2e_per_good_part")  # fmt: skip
    alike = {"difference": 0.0, "ci95": None, "p": None, "p_holm": None, "verdict": "undecided"}
    cost = {"difference": -2.0, "ci95": [-6.0, -1.5], "p": 0.01, "p_holm": 0.01, "verdict": "better"}
    pair = {"cost_per_good_part": cost, **dict.fromkeys(metrics, alike)}
    pair["on_time_ratio"] = {**alike, "difference": None}
    return {
        "modes": modes,
        "paired": {f"{names[-1]}_vs_{names[0]}": pair},
        "strengths": {"chips": strength, "camera": strength},
        "n_shifts": 30,
        "also": {name: {"crashes": 1} for name in names},
        "machines_per_operator": dict.fromkeys(names, 4),
        "handling": {"skills": {names[0]: ["a"], names[-1]: ["b", "c"]}},
        **more,
    }


def saved(folder, name, values):
    path = folder / f"{name}.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def test_each_study_is_a_column_with_intervals_where_there_are_some(tmp_path):
    files = [saved(tmp_path, str(k), study(k)) for k in (0, 3)]
    ways, differences = tables(read_studies(files))
    assert ways[0].count("EUR a part, strength") == 2
    assert ways[2].startswith(
        "| automated, 4 | 4.00 [3.00, 12.0] | 4.00 [3.00, 12.0] | 50.0 / 50.0 | - / - |"
    )
    assert ways[2].endswith("| 0 / 0 | 1 / 1 in 30 / 30 |")
    assert ways[3].endswith("1 / 1 in 60 / 60 |")
    assert differences[0].startswith("| autonomous less automated [95 %] | strength 0 | strength 3 |")
    assert "-2.00 [-6.00, -1.50], better" in differences[2]
    assert differences[3] == "| first-pass yield, points | +0.0 | +0.0 |"
    assert "| orders on time, points | - | - |" in differences


def test_what_sets_studies_apart_names_them(tmp_path):
    uneven = study(strengths={"chips": 2, "camera": 0, "oil_film": 1})
    night = study(unmanned_hours=16.0)
    found = read_studies([saved(tmp_path, "a", uneven), saved(tmp_path, "b", night)])
    assert list(found) == ["strength chips 2, oil film 1", "strength 0, 16 h unmanned"]


def test_what_does_not_fit_is_one_line(tmp_path):
    one = saved(tmp_path, "one", study())
    for other, message in [
        (saved(tmp_path, "same", study()), "is of strength 0, and so is another"),
        (saved(tmp_path, "ways", study(1, names=("manual", "automated"))), "other ways of working: manual"),
        (saved(tmp_path, "none", {"modes": {}}), "is no study"),
        (tmp_path / "nowhere.json", "cannot read"),
    ]:
        with pytest.raises(UserError, match=re.escape(message)) as told:
            read_studies([one, other])
        assert "\n" not in str(told.value)
    (tmp_path / "bad.json").write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match="is damaged"):
        read_studies([tmp_path / "bad.json"])


def test_on_the_command_line(tmp_path, capsys):
    assert main(["--table", str(saved(tmp_path, "a", study(1)))]) == 0
    assert "EUR a part, strength 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("page", "pattern"), [("README.md", "compare_[0-9].json"), ("docs/compare.md", "compare_night_*.json")]
)
def test_the_pages_show_what_was_measured(page, pattern):
    files = sorted((ROOT / "docs").glob(pattern))
    assert len(files) == 3
    text = (ROOT / page).read_text(encoding="utf-8")
    for table in tables(read_studies(files)):
        assert "\n".join(table) in text


@pytest.mark.parametrize("file", SHIPPED, ids=lambda path: path.stem)
def test_shipped_studies_keep_no_path_of_a_machine(file):
    text = file.read_text(encoding="utf-8")
    assert "/tmp" not in text
    assert str(Path.home()) not in text
