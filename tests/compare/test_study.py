"""The verb from end to end, with a small skill and short shifts."""

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest
from cell import mode_file

from envs.balance import check_balance
from envs.ledger import Ledger
from envs.shift import load_shift, shift
from envs.shift.spec import Block
from experiments.compare import Config, main
from experiments.comparison.modes import load_mode
from experiments.comparison.shifts import Folder, Job, Row, run_shift
from experiments.comparison.study import spec_of
from experiments.errors import UserError
from experiments.qcde import UNITS

MODES = ("manual", "automated", "autonomous")


@pytest.fixture(scope="module")
def modes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("modes")
    told = {"words": '"<script>alert(1)</script>"', "learned_handling": "false"}
    return [str(mode_file(folder, name, **told)) for name in MODES]


def arguments(modes, out, *more):
    return ["--modes", *modes, "--shifts", "2", "--hours", "1.5", "--stress", "all=3", "--no-equal-staffing",
            "--out", str(out), *more]  # fmt: skip


@pytest.fixture(scope="module")
def study(modes, tmp_path_factory):
    out = tmp_path_factory.mktemp("study") / "one"
    assert main(arguments(modes, out, "--workers", "1")) == 0
    return out


def ledgers(out):
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in sorted((out / "ledgers").rglob("*.jsonl"))}


def results(out):
    found = json.loads((out / "compare.json").read_text(encoding="utf-8"))
    del found["manifest"]
    return found


def test_compare_json_keeps_the_contract(study):
    found = results(study)
    assert found["primary"] == "cost_per_good_part"
    assert found["n_shifts"] == 2
    assert found["n_policies"] == 1
    assert len(found["seeds"]) == 2
    assert list(found["modes"]) == list(MODES)
    for groups in found["modes"].values():
        for group, metrics in UNITS.items():
            for metric, unit in metrics.items():
                assert set(groups[group][metric]) == {"mean", "ci95", "unit"}
                assert groups[group][metric]["unit"] == unit
    pair = found["paired"]["autonomous_vs_automated"]["cost_per_good_part"]
    assert {"difference", "ci95", "p"} <= set(pair)
    costs = [found["modes"][m]["cost"]["cost_per_good_part"]["mean"] for m in ("autonomous", "automated")]
    if None not in costs:
        assert pair["difference"] == pytest.approx(costs[0] - costs[1])


def test_every_ledger_balances_and_says_why(study):
    files = sorted((study / "ledgers").rglob("*.jsonl"))
    assert len(files) == 6
    for file in files:
        ledger = Ledger.from_jsonl(file)
        assert check_balance(ledger, ["lathe"]) == []
        decisions = ledger.select("decision")
        assert decisions
        assert all(event.data["why"] for event in decisions)


def test_the_same_bits_for_any_number_of_workers(study, modes, tmp_path):
    out = tmp_path / "two"
    main(arguments(modes, out, "--workers", "2"))
    assert ledgers(out) == ledgers(study)
    assert results(out) == results(study)


def test_every_figure_comes_again_from_the_ledgers(study, tmp_path):
    out = tmp_path / "again"
    main(["--from", str(study), "--no-equal-staffing", "--out", str(out)])
    assert results(out) == results(study)
    assert (out / "report.html").read_bytes() == (study / "report.html").read_bytes()


def test_a_shift_that_is_missing_is_done_again_and_no_other(study, modes, tmp_path):
    out = tmp_path / "resumed"
    main(arguments(modes, out, "--workers", "1"))
    lost, *kept = sorted((out / "ledgers").rglob("*.jsonl"))
    lost.unlink()
    before = {path: path.stat().st_mtime_ns for path in kept}
    rest = arguments(modes, out)[:-2]
    main([*rest, "--resume", str(out), "--workers", "1"])
    assert {path: path.stat().st_mtime_ns for path in kept} == before
    assert ledgers(out) == ledgers(study)
    with pytest.raises(UserError, match="another study"):
        main([*rest, "--resume", str(out), "--seed", "7"])


def test_the_report_stands_by_itself(study):
    text = (study / "report.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert not re.findall(r"(?:src|href)\s*=|url\(|@import", text)
    assert set(re.findall(r"https?://[^\"' <]+", text)) <= {"http://www.w3.org/2000/svg"}
    worse, better = text.find("Where autonomy loses"), text.find("Where autonomy wins")
    assert worse > 0
    assert better < 0 or worse < better
    assert "No learned policy handled parts" in text


def test_other_money_from_the_same_ledgers(study, tmp_path):
    out = tmp_path / "india"
    main(["--from", str(study), "--region", "india", "--no-equal-staffing", "--out", str(out)])
    here, there = results(study), results(out)
    for mode in MODES:
        a, b = (found["modes"][mode] for found in (here, there))
        assert a["delivery"] == b["delivery"]
        assert a["quality"] == b["quality"]
    labour = [found["modes"]["manual"]["cost"]["cost_per_good_part"]["mean"] for found in (here, there)]
    assert labour[1] < labour[0]
    assert there["region"] == "India"


def refused(words, *argv):
    with pytest.raises(UserError) as error:
        main(list(argv))
    message = str(error.value)
    assert "\n" not in message
    assert re.search(words, message), message


def test_nights_and_weeks_are_asked_for_on_the_command_line():
    blocks = spec_of(Config(night=16.0, days=5, cell=("infeed_places=300",))).blocks
    assert [(b.hours, b.manned) for b in blocks] == [(8.0, True), (16.0, False)] * 5
    assert spec_of(Config(hours=2.0, days=2)).hours == 4.0
    assert spec_of(Config(cell=("infeed_places=300",))).cell.infeed_places == 300
    assert spec_of(Config(cell=("heeds_doubts=0",))).cell.heeds_doubts is False
    assert spec_of(Config()) == load_shift("default")


def test_a_day_is_what_makes_up_all_blocks():
    day, night, short = Block(hours=8.0), Block(hours=16.0, manned=False), Block(hours=2.0)
    spec = load_shift("default")
    for blocks, first in (((day,), 1), ((day,) * 5, 1), ((day, night) * 5, 2), ((day, day, short), 3)):
        assert spec.with_blocks(*blocks).day() == spec.with_blocks(*blocks[:first])


def test_a_week_begins_as_a_day_does(modes, monkeypatch):
    """From the same state, warmed up once for both: a long run of days, not of weeks."""
    hours = []
    warm = shift.warm_states

    def noted(spec, *rest, **more):
        hours.append(spec.hours)
        return warm(spec, *rest, **more)

    monkeypatch.setattr(shift, "warm_states", noted)
    mode, one = load_mode(modes[1]), spec_of(Config(hours=1.0, stress=("all=2",)))
    day, week = (
        run_shift(Job(mode, spec, 5, mode.handling[0])) for spec in (one, one.with_blocks(*one.blocks * 5))
    )
    assert hours == [1.0]
    end = next(i for i, event in enumerate(day) if event.kind == "shift_end")
    assert list(week)[:end] == list(day)[:end]
    assert week.count("shift_end") == 5


def test_ledgers_are_read_one_at_a_time(study):
    skill = next((study / "ledgers" / "manual").iterdir()).stem.rpartition("-")[0]
    row = Row(Folder(study / "ledgers"), "manual", skill, tuple(results(study)["seeds"]))
    assert [len(one) for one in row] == [len(row[0]), len(row[-1])]
    assert row[0] is not row[0]  # nothing is kept
    assert list(row[1:].seeds) == results(study)["seeds"][1:]
    with pytest.raises(UserError, match="ledger"):
        Row(row.folder, "manual", skill, (1,))[0]


def test_mistakes_are_told_in_one_line(modes, tmp_path):
    out = ("--out", str(tmp_path / "never"))
    refused("unknown mode 'manuel'.*did you mean 'manual'", "--modes", "manuel", *out)
    refused("unknown shift|shift 'nigth'", "--shift", "nigth", *out)
    refused("disturbance.*'chps'.*chips", "--modes", modes[0], "--stress", "chps=1", *out)
    refused("strength of chips is 9", "--modes", modes[0], "--stress", "chips=9", *out)
    refused("'mars'.*allowed are germany", "--modes", modes[0], "--region", "mars", *out)
    refused("needs people and operators is 0", "--modes", modes[0], "--people", "operators=0", *out)
    refused("machines_per_operator is 0", "--modes", modes[1], "--people", "machines_per_operator=0", *out)
    refused(
        "operators is 1.5: allowed is a whole number", "--modes", modes[0], "--people", "operators=1.5", *out
    )
    refused("NAME=NUMBER is needed", "--modes", modes[0], "--orders", "lot_size=many", *out)
    refused("infeed_place.*infeed_places", "--modes", modes[0], "--cell", "infeed_place=9", *out)
    refused("heeds_doubts is 2: allowed are 0 and 1", "--modes", modes[0], "--cell", "heeds_doubts=2", *out)
    refused("shifts is 0", "--shifts", "0", *out)
    refused("night is 25", "--night", "25", *out)
    refused("days is 0", "--days", "0", *out)
    refused("cannot read", "--from", str(tmp_path / "nowhere"), *out)
    refused("WHO=FILE.json is needed", "--record", "taught", *out)
    assert not (tmp_path / "never").exists()


def test_roles_agents_and_prices_are_checked(modes, tmp_path):
    text = Path(modes[1]).read_text(encoding="utf-8")

    def changed(before, after):
        path = tmp_path / "mine.yaml"
        path.write_text(text.replace(before, after, 1), encoding="utf-8")
        return str(path)

    refused("unknown role 'loadin'.*did you mean 'loading'", "--modes", changed("  loading:", "  loadin:"))
    wrong = changed("loading: automated", "loading: automatic")
    refused("unknown agent of role 'loading' 'automatic'.*'automated'", "--modes", wrong)
    refused("key 'capitol' is unknown", "--modes", changed("capital:", "capitol:"))
    prices = tmp_path / "prices.yaml"
    ours = (files("configs") / "prices" / "default.yaml").read_text(encoding="utf-8")
    prices.write_text(ours.replace("value: 3.50\n  low: 2.0", "value: -3.50\n  low: -4.0"), encoding="utf-8")
    refused("edge_eur.*allowed is", "--modes", modes[1], "--prices", str(prices))


def test_calibration_takes_a_cells_own_times(modes, tmp_path):
    from envs.shift.spec import load_shift
    from experiments.comparison.calibrate import calibrated

    file = tmp_path / "stops.csv"
    file.write_text(
        "kind,minutes\nclear_jam,1\nclear_jam,3\nclear_jam,8\nresponse,4\nmachine,120\nrun_h,500\n"
    )
    spec = calibrated(load_shift("default"), file)
    jam = spec.work.clear_jam
    assert (jam.least_min, jam.usual_min, jam.most_min, jam.standing) == (1.0, 3.0, 8.0, "S")
    assert spec.people.walk_min == 4.0
    assert (spec.breakdowns.machine_mtbf_h, spec.breakdowns.machine_mttr_h) == (500.0, 2.0)
    file.write_text("clear_jamm,1\n")
    mine = ("--modes", modes[0], "--calibrate", str(file))
    refused("unknown kind.*clear_jamm.*did you mean 'clear_jam'", *mine)
    file.write_text("clear_jam,soon\n")
    refused(":1: 'soon' is not minutes", *mine)
    file.write_text("machine,5\n")
    refused("no run_h", *mine)


def test_recorded_handling_is_held_against_the_engine(tmp_path):
    short = [
        "--modes",
        "automated",
        "--shifts",
        "1",
        "--hours",
        "0.2",
        "--no-equal-staffing",
        "--workers",
        "1",
    ]
    assert main([*short, "--agreement", "1", "--out", str(tmp_path / "one")]) == 0
    found = results(tmp_path / "one")["agreement"]
    assert found["n_shifts"] == 1
    cost = found["modes"]["automated"]["cost_per_good_part"]
    assert cost["difference"] == pytest.approx(cost["recorded"] - cost["physics"])
    assert cost["agrees"] is None  # one shift has no interval
    by_engine = next((tmp_path / "one" / "ledgers" / "agreement").rglob("*.jsonl"))
    episodes = {e.data["episode"] for e in Ledger.from_jsonl(by_engine) if "episode" in e.data}
    assert episodes
    assert all(e.count(":") == 1 for e in episodes)  # task and seed; a recorded one names its strength too
    assert main(["--from", str(tmp_path / "one"), "--out", str(tmp_path / "two")]) == 0
    assert results(tmp_path / "two")["agreement"] == found
    assert "Recorded handling against the engine" in (tmp_path / "two" / "report.html").read_text("utf-8")
