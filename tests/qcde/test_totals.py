"""From a shift's ledger to its figures, by hand; units and contract; wrong ledgers."""

import json
import re

import pytest

from envs.ledger import Ledger
from envs.prices import Prices, load_region
from experiments.qcde import (
    UNITS,
    Setting,
    Totals,
    add_up,
    cost_by_cause,
    figures,
    kpi,
    maintenance,
    totals,
)

PRICES = Prices(30.0, 4.0, 2.0, 0.5, 100.0, 1.9, 0.1)
SETTING = Setting("lathe", 150.0, PRICES, load_region("germany"), "direct")
MIN = 60.0


def write(rows):
    ledger = Ledger()
    for time_s, kind, subject, data in sorted(rows, key=lambda row: row[0]):
        ledger.append(time_s, kind, subject, **data)
    return ledger


def shift(extra=()):
    """The worked example of ISO 22400 as a ledger: 480 min, 120 parts, 114 good, 4 scrap, 2 in rework."""
    rows = [
        (0.0, "shift_start", "lathe", {}),
        (0.0, "READY", "lathe", {}),
        (0.0, "PRODUCTION", "lathe", {"planned": True}),  # a talk, 30 min
        (30 * MIN, "job_start", "job", {}),
        (30 * MIN, "SETUP", "lathe", {}),  # 40 min
        (70 * MIN, "PRODUCTION", "lathe", {}),
        (70 * MIN, "ACTIVE", "lathe", {}),  # 330 min in two pieces
        (200 * MIN, "breakdown", "lathe", {}),  # 30 min
        (230 * MIN, "repair", "lathe", {}),
        (430 * MIN, "FEED_HOLD", "lathe", {}),  # 20 min
        (450 * MIN, "job_end", "job", {}),  # 30 min without an order
        (480 * MIN, "shift_end", "lathe", {}),
        (0.0, "order_released", "order", {"quantity": 114, "due_s": 440 * MIN}),
        (0.0, "power", "lathe", {"power_w": 2000.0}),
        (480 * MIN, "energy", "arm", {"energy_j": 3.6e6}),
        (210 * MIN, "intervention", "lathe", {"reason": "breakdown"}),
        (230 * MIN, "attended", "ann", {"duration_s": 1800.0}),
        (480 * MIN, "paid", "ann", {"duration_s": 7200.0}),
        (300 * MIN, "tool_change", "T1", {}),
        (480 * MIN, "tool_wear", "T1", {"life_share": 0.5}),
        (480 * MIN, "expense", "crash", {"amount_eur": 12.0}),
    ]
    for k in range(120):
        at, part = 72 * MIN + k * 3 * MIN, f"part-{k:03d}"
        fate = "part_scrap" if k < 4 else "part_rework" if k < 6 else "part_good"
        size = 20.05 if k < 4 or k == 119 else 20.001 if k % 2 else 19.999  # the last one escapes
        rows += [
            (0.0, "part_arrived", part, {}),
            (0.0, "material", part, {"mass_kg": 1.0}),
            (at, "cycle_end", "lathe", {}),
            (at, "material", part, {"chips_kg": 0.2}),
            (at, "characteristic", part, {"name": "d_mm", "value": size, "lower": 19.98, "upper": 20.02}),
            (at, fate, part, {"order": "order"}),
        ]
    return write([*rows, *extra])


def test_the_worked_example_from_a_ledger():
    sums = totals(shift(), SETTING)
    found = kpi(sums)
    expected = {
        "availability": 0.7333, "effectiveness": 0.9091, "quality_ratio": 0.95, "oee": 0.6333, "nee": 0.7101,
        "allocation_efficiency": 0.9333, "utilisation_efficiency": 0.7857, "technical_efficiency": 0.8684,
        "setup_rate": 0.1081, "first_pass_yield": 0.95, "teep": 285 / 480, "throughput_rate": 120 / 7.0,
    }  # fmt: skip
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value, abs=1e-4), name
    assert maintenance(sums) == {"mtbf_h": 8.0, "mttf_h": 7.5, "mttr_h": 0.5, "corrective_ratio": 1.0}


def test_every_metric_by_hand():
    sums = totals(shift(), SETTING)
    money = {
        "machine": 8 * 30.0,
        "labour": 2 * 48.30,
        "tool": 1.5 * 4.0,
        "energy": 17.0 * 0.21,
        "material": 114 * (2.0 - 0.2 * 0.5),
        "scrap": 4 * (2.0 - 0.5),
        "other": 12.0 + 100.0,
    }
    assert cost_by_cause(sums) == pytest.approx({cause: value / 114 for cause, value in money.items()})
    found = figures(sums)
    assert found["quality"].pop("cpk") > found["quality"].pop("ppk") > 0.0
    # The 114th good part leaves at 72 + 119 * 3 = 429 min, before it is due.
    assert {k: v for group in found.values() for k, v in group.items()} == pytest.approx(
        {
            "first_pass_yield": 0.95, "scrap_ratio": 4 / 120, "escaped_defects_ppm": 1e6 / 114,
            "cost_per_good_part": sum(money.values()) / 114, "paid_labour_h_per_good_part": 2 / 114,
            "attended_h_per_good_part": 0.5 / 114, "interventions_per_100_parts": 100 / 120,
            "cycles_between_assists": 120.0, "good_parts_per_h": 114 / 8, "oee": 0.63333333,
            "teep": 285 / 480, "on_time_ratio": 1.0, "mean_tardiness_min": 0.0, "kwh_per_good_part": 17 / 114,
            "kgco2e_per_good_part": (17 * 0.386 + 118 * 1.9) / 114, "material_kg_per_good_part": 118 / 114,
        }
    )  # fmt: skip


def test_names_are_those_of_the_contract():
    contract = (
        "first_pass_yield scrap_ratio cpk ppk escaped_defects_ppm · "
        "cost_per_good_part paid_labour_h_per_good_part attended_h_per_good_part "
        "interventions_per_100_parts cycles_between_assists · good_parts_per_h oee teep "
        "on_time_ratio mean_tardiness_min · kwh_per_good_part kgco2e_per_good_part material_kg_per_good_part"
    )
    groups = [set(re.findall(r"\w+", group)) for group in contract.split("·")]
    found = figures(totals(shift(), SETTING))
    assert list(found) == list(UNITS) == ["quality", "cost", "delivery", "environment"]
    assert [set(metrics) for metrics in found.values()] == groups
    assert {g: list(m) for g, m in found.items()} == {g: list(m) for g, m in UNITS.items()}
    json.dumps(found, allow_nan=False)


def test_nothing_made_is_undefined_and_not_infinite():
    empty = write([(0.0, "shift_start", "lathe", {}), (3600.0, "shift_end", "lathe", {})])
    found = figures(totals(empty, SETTING))
    assert found["cost"]["cost_per_good_part"] is None
    assert found["delivery"] == {
        "good_parts_per_h": 0.0, "oee": 0.0, "teep": 0.0, "on_time_ratio": None, "mean_tardiness_min": None,
    }  # fmt: skip
    assert set(found["quality"].values()) == set(found["environment"].values()) == {None}
    assert cost_by_cause(totals(empty, SETTING)) is None
    assert all(value is None for group in figures(Totals()).values() for value in group.values())
    assert maintenance(Totals())["mtbf_h"] is None


@pytest.mark.parametrize("order", [{"order": "order"}, {}])
def test_parts_that_nobody_ordered_do_not_count(order):
    surplus = [(479 * MIN, "part_arrived", "x", {}), (480 * MIN, "part_good", "x", order)]
    sums = totals(shift(surplus), SETTING)
    assert (sums.parts.good, sums.ordered_good) == (115, 114)
    assert kpi(sums).oee == pytest.approx(0.6333, abs=1e-4)


def test_orders_that_are_late_early_open_or_not_yet_due():
    due = {"late": 60.0, "early": 900.0, "open": 300.0, "later": 9e9, "whenever": None}
    rows = [(0.0, "order_released", name, {"quantity": 1, "due_s": due_s}) for name, due_s in due.items()]
    for part, order, at in (("a", "late", 180.0), ("b", "early", 200.0)):
        rows += [(0.0, "part_arrived", part, {}), (at, "part_good", part, {"order": order})]
    sums = totals(write([*rows, (600.0, "READY", "lathe", {})]), SETTING)
    assert (sums.orders, sums.on_time, sums.tardiness_s) == (3, 1, 120.0 + 300.0)
    found = figures(sums)["delivery"]
    assert found["on_time_ratio"] == pytest.approx(1 / 3)
    assert found["mean_tardiness_min"] == pytest.approx(7.0 / 3)


def test_an_order_done_as_it_is_due_is_on_time():
    rows = [(0.0, "order_released", "o", {"quantity": 1, "due_s": 60.0}), (0.0, "part_arrived", "a", {})]
    assert totals(write([*rows, (60.0, "part_good", "a", {"order": "o"})]), SETTING).on_time == 1
    assert totals(write([*rows, (60.1, "part_good", "a", {"order": "o"})]), SETTING).on_time == 0


def test_parts_made_at_one_moment_have_no_order():
    types = {f"p{k}": ("shaft", "ring")[k % 2] for k in range(12)}
    rows = [(0.0, "order_released", "o", {"quantity": 5}), (0.0, "READY", "lathe", {})]
    rows += [(0.0, "part_arrived", part, {"part_type": kind}) for part, kind in types.items()]
    limits = {"name": "d_mm", "lower": -9.0, "upper": 9.0}
    made = [
        [
            (1.0, "characteristic", part, {**limits, "value": (k * k) % 7 / 10}),
            (1.0, "part_good", part, {"order": "o"}),
        ]
        for k, part in enumerate(types)
    ]
    setting = Setting("lathe", {"shaft": 50.0, "ring": 30.0}, PRICES, load_region("us"), "direct")
    one, two = (
        totals(write([*rows, *(event for part in parts for event in part)]), setting)
        for parts in (made, made[::-1])
    )
    assert one == two
    assert figures(one)["quality"]["cpk"] is not None


def test_rework_that_comes_good_is_no_first_pass_and_no_new_part():
    rows = [(0.0, "part_arrived", "a", {}), (1.0, "part_rework", "a", {}), (2.0, "part_good", "a", {})]
    bad = {"name": "d_mm", "value": 21.0, "lower": 19.9, "upper": 20.1}
    rows += [(1.0, "characteristic", "a", bad), (2.0, "characteristic", "a", {**bad, "value": 20.0})]
    sums = totals(write(rows), SETTING)
    assert (sums.parts.good, sums.parts.first_pass, sums.parts.reworked, sums.escaped) == (1, 0, 1, 0)
    assert sums.planned_all_s == 150.0
    # Capability is of parts as made, escapes are of parts as shipped.
    ((*_, made),) = sums.characteristics.by_name.values()
    assert made.total == pytest.approx(1.0)


def test_figures_of_shifts_are_ratios_of_totals():
    good, bad = (
        totals(shift(), SETTING),
        totals(write([(0.0, "READY", "lathe", {}), (9e4, "READY", "lathe", {})]), SETTING),
    )
    both = figures(add_up([good, bad]))
    assert both["delivery"]["good_parts_per_h"] == pytest.approx(114 / (8 + 25))
    twice = figures(good + good)
    for group, metrics in figures(good).items():
        for name, value in metrics.items():
            # Pairs of shifts have one degree of freedom more than twice a shift's.
            assert twice[group][name] == pytest.approx(value, rel=0.01 if name == "ppk" else 1e-12), name


def test_planned_times_by_part_type():
    rows = [
        (0.0, "part_arrived", "a", {"part_type": "shaft"}),
        (0.0, "part_arrived", "b", {"part_type": "ring"}),
    ]
    rows += [(0.0, "ACTIVE", "lathe", {}), (60.0, "part_good", "a", {}), (100.0, "part_good", "b", {})]
    setting = Setting("lathe", {"shaft": 50.0, "ring": 30.0}, PRICES, load_region("us"), "direct")
    assert kpi(totals(write(rows), setting)).oee == pytest.approx(0.8)
    only = Setting("lathe", {"shaft": 50.0}, PRICES, load_region("us"), "direct")
    with pytest.raises(ValueError, match=r"^part_type is 'ring': allowed are shaft$"):
        totals(write(rows), only)


def test_the_worst_characteristic_is_the_figure():
    rough = {"name": "r_um", "upper": 1.2}
    rows = [
        (9.0, "characteristic", f"part-{k:03d}", {**rough, "value": 1.0 + 0.1 * (k % 2)}) for k in range(20)
    ]
    worst = figures(totals(write(rows), SETTING))["quality"]["ppk"]
    assert worst == pytest.approx(0.15 / (3 * 0.05 * (20 / 19) ** 0.5))
    other = figures(totals(shift(), SETTING))["quality"]["ppk"]
    assert figures(totals(shift(rows), SETTING))["quality"]["ppk"] == pytest.approx(min(worst, other))


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (
            (1.0, "order_released", "order", {"quantity": 1}),
            "order_released has 2 events: allowed is one",
        ),
        ((1.0, "order_released", "empty", {"quantity": 0}), r"quantity is 0\.0: allowed is at least 1"),
        ((1.0, "expense", "crash", {}), "amount_eur is None in expense of crash at 1 s: allowed is a finite"),
        (
            (1.0, "characteristic", "part-009", {"name": "d_mm", "value": 1.0, "lower": 0.0, "upper": 20.02}),
            r"limits of d_mm are .*: before they were",
        ),
    ],
)
def test_a_wrong_ledger_is_told_in_one_line(extra, message):
    with pytest.raises(ValueError, match=message):
        totals(shift([extra]), SETTING)


def test_a_wrong_setting_is_told_in_one_line():
    with pytest.raises(ValueError, match=r"^boundary is 'total': allowed are direct, lifecycle$"):
        Setting("lathe", 150.0, PRICES, load_region("us"), "total")
    with pytest.raises(ValueError, match=r"^planned_run_s is 0: allowed is above 0$"):
        Setting("lathe", 0, PRICES, load_region("us"), "direct")
    with pytest.raises(ValueError, match=r"^planned_run_s of shaft is -1: allowed is above 0$"):
        Setting("lathe", {"shaft": -1}, PRICES, load_region("us"), "direct")
