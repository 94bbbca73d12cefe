"""Money: the published machine-hour rate, parts by cause, and regions with one boundary."""

import math
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.figures import Figure
from envs.costing import (
    Costs,
    Prices,
    Region,
    annuity_eur_per_year,
    cost_of_part,
    load_prices,
    load_region,
    machine_hour_rate,
    price_figures,
)
from envs.prices import names

# abwl-camp.de's example.
A19 = {
    "purchase_eur": 800_000, "price_index_ratio": 143 / 110, "disposal_eur": 10_000, "life_years": 10,
    "days_per_year": 250, "shifts_per_day": 2, "hours_per_shift": 8, "utilisation": 0.9,
    "interest_per_year": 0.15, "maintenance_eur_per_year": 9_000, "power_kw": 14,
    "electricity_eur_per_kwh": 0.35, "space_m2": 20, "tools_eur_per_set": 2630, "tool_life_h_per_set": 150,
}  # fmt: skip


def test_the_published_machine_hour():
    rate = machine_hour_rate(**A19, space_eur_per_m2_year=8)
    parts = (rate.depreciation, rate.interest, rate.maintenance, rate.energy, rate.space, rate.tools)
    assert parts == pytest.approx((29.17, 16.67, 2.50, 4.90, 0.04, 17.53), abs=0.005)
    assert rate.total == pytest.approx(70.81, abs=0.01)
    assert rate.fixed == pytest.approx(rate.total - 4.90 - 17.53, abs=0.005)


def test_rent_by_the_month_is_twelve_times_as_much():
    rate = machine_hour_rate(**A19, space_eur_per_m2_month=8)
    assert rate.space == pytest.approx(0.53, abs=0.005)
    assert rate.total == pytest.approx(71.30, abs=0.01)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "space_eur_per_m2_month is None and space_eur_per_m2_year is None: allowed is exactly one"),
        ({"space_eur_per_m2_month": 8, "space_eur_per_m2_year": 96}, "allowed is exactly one"),
        ({"utilisation": 1.1, "space_m2": 0}, r"utilisation is 1\.1: allowed is above 0, at most 1"),
        ({"life_years": 0, "space_m2": 0}, "life_years is 0: allowed is above 0"),
        ({"hours_per_year": 9000, "space_m2": 0}, "hours_per_year is 9000: allowed is above 0, at most 8784"),
        ({"purchase_eur": -1, "space_m2": 0}, "purchase_eur is -1: allowed is at least 0"),
        ({"power_kw": math.nan, "space_m2": 0}, "power_kw is nan: allowed is at least 0"),
        (
            {"interest_per_year": 15, "space_m2": 0},
            "interest_per_year is 15: allowed is at least 0, at most 1",
        ),
        ({"purchase_eur": "1", "space_m2": 0}, "purchase_eur is '1': allowed is at least 0"),
    ],
)
def test_wrong_machines_are_told_in_one_line(wrong, message):
    with pytest.raises(ValueError, match=message):
        machine_hour_rate(**{**A19, **wrong})


def test_the_default_machine_hour_is_what_its_source_computes():
    rate = machine_hour_rate(
        purchase_eur=140_000, life_years=7, hours_per_year=3600, interest_per_year=0.08,
        maintenance_eur_per_year=0.05 * 140_000, space_m2=20, space_eur_per_m2_month=8,
    )  # fmt: skip
    assert load_prices().machine_eur_per_h == pytest.approx(rate.fixed, abs=0.02)


def test_an_annuity_pays_back_with_interest():
    yearly = annuity_eur_per_year(capital_eur=100_000, life_years=7, interest_per_year=0.08)
    owed = 100_000.0
    for _ in range(7):
        owed = owed * 1.08 - yearly
    assert owed == pytest.approx(0.0, abs=1e-6)
    assert annuity_eur_per_year(capital_eur=700, life_years=7, interest_per_year=0) == 100


def test_a_part_by_hand():
    prices, region = Prices(30.0, 4.0, 2.0, 0.5, 100.0, 1.9, 0.1), load_region("germany")
    good = cost_of_part(
        prices=prices, region=region, machine_min=4, attended_min=0.5, edge_share=0.1, energy_kwh=0.5,
        blank_kg=1.5, chips_kg=0.5,
    )  # fmt: skip
    assert good == Costs(machine=2.0, labour=48.30 / 120, tool=0.4, energy=0.5 * 0.21, material=2.75)
    bad = cost_of_part(prices=prices, region=region, machine_min=4, blank_kg=1.5, scrapped=True)
    assert (bad.material, bad.scrap) == (0.0, 2.25)
    both = good + bad
    by_cause = both.per(1)
    assert by_cause["machine"] == 4.0
    assert math.fsum(by_cause.values()) == pytest.approx(good.total + bad.total)
    assert both.per(0) is None
    with pytest.raises(ValueError, match=r"chips_kg is 2\.0: allowed is at least 0, at most 1\.5"):
        cost_of_part(prices=prices, region=region, machine_min=4, blank_kg=1.5, chips_kg=2.0)


money = st.floats(0.0, 1e6)


@given(money, money, money)
def test_scrap_never_makes_a_good_part_cheaper(machine_min, blank_kg, energy_kwh):
    prices, region = load_prices(), load_region("india")
    good = cost_of_part(
        prices=prices, region=region, machine_min=machine_min, blank_kg=blank_kg, energy_kwh=energy_kwh
    )
    bad = cost_of_part(
        prices=prices,
        region=region,
        machine_min=machine_min,
        blank_kg=blank_kg,
        energy_kwh=energy_kwh,
        scrapped=True,
    )
    assert bad.total <= good.total  # it brings a credit
    assert (good + bad).total >= good.total  # and still costs


# -- regions ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("region", "boundary", "g_per_kwh", "standing"),
    [
        ("us", "direct", 367, "primary"),
        ("germany", "lifecycle", 381, "primary"),
        ("india", "lifecycle", 713, "primary"),
        ("india", "direct", 727, "primary"),
        ("japan", "direct", 423, "estimate"),
        ("japan", "lifecycle", 485, "estimate"),
    ],
)
def test_a_kilowatt_hour(region, boundary, g_per_kwh, standing):
    found = load_region(region)
    assert found.grid(boundary).value == g_per_kwh
    assert found.grid(boundary).standing == standing
    assert found.kgco2e(10.0, boundary) == pytest.approx(g_per_kwh / 100)


def test_every_region_loads_in_one_currency():
    assert names("regions") == ("germany", "india", "japan", "us")
    regions = [load_region(name) for name in names("regions")]
    assert all(0.05 < r.electricity_eur_per_kwh < 0.25 for r in regions)
    hours = {r.currency: r.labour_eur_per_h for r in regions}
    assert hours["INR"] < hours["JPY"] < hours["USD"] < hours["EUR"] == 48.30
    assert hours["USD"] == pytest.approx(45.65 / 1.0817)
    # The yen and the rupee by way of the dollar.
    assert load_region("japan").per_eur.value == pytest.approx(140.5001 * 1.0817, abs=0.01)
    assert load_region("india").per_eur.value == pytest.approx(82.5708 * 1.0817, abs=0.01)


def test_boundaries_are_never_mixed():
    one = Figure(400, 2024, "a grid", "estimate")
    region = Region("Nowhere", "EUR", Figure(1, 2024, "itself", "primary"), one, one, {"direct": one})
    assert region.kgco2e(1.0, "direct") == 0.4
    with pytest.raises(
        ValueError, match=r"^boundary is 'lifecycle': Nowhere has direct; the two are never mixed$"
    ):
        region.kgco2e(1.0, "lifecycle")
    with pytest.raises(ValueError, match=r"^boundary is 'both': allowed are direct, lifecycle$"):
        region.grid("both")


def test_prices_say_where_they_are_from():
    figures = price_figures()
    assert set(figures) == set(vars(load_prices()))
    assert all(f.low <= f.value <= f.high and f.source for f in figures.values())


def shipped(folder, name):
    return (files("configs") / folder / f"{name}.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("currency: JPY", "currency: yen", "currency is 'yen': allowed are three capitals"),
        ("value: 3100.0", "value: -1", "labour_per_h: value is -1: allowed is 0 or more"),
        ("value: 3100.0", "value: many", "labour_per_h: value is 'many': allowed is a finite number"),
        ("value: 3100.0", "value: 1e9", r"labour_per_h: value is 1e\+09: allowed is its own range"),
        ("value: 151.98", "value: 0", "per_eur is 0\\.0: allowed is above 0"),
        ("boundary: direct", "boundary: lifecycle", "grid: boundary 'lifecycle' is given twice"),
        ("boundary: direct", "boundary: well", "boundary is 'well': allowed are direct, lifecycle"),
        ("standing: primary", "standing: sure", "per_eur: standing is 'sure': allowed are primary, estimate"),
        ("name: Japan\n", "", "key 'name' is missing"),
        ("name: Japan", "nane: Japan", "key 'nane' is unknown: allowed are currency, electricity"),
        ("name: Japan", "name: Japan\nname: Japan", "key 'name' is given twice"),
    ],
)
def test_a_wrong_region_is_told_in_one_line(tmp_path, old, new, message):
    text = shipped("regions", "japan")
    assert old in text
    path = tmp_path / "japan.yaml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ValueError, match=message) as caught:
        load_region(path)
    assert "\n" not in str(caught.value)
    assert "japan.yaml" in str(caught.value)


def test_names_and_prices_that_are_not_there(tmp_path):
    with pytest.raises(
        ValueError, match=r"^region is 'japn': allowed are germany, india, japan, us, or a \.yaml"
    ):
        load_region("japn")
    with pytest.raises(ValueError, match=r"nowhere\.yaml is not a file"):
        load_region(tmp_path / "nowhere.yaml")
    path = tmp_path / "dear.yaml"
    chips = "chip_credit_eur_per_kg:\n  value: 0.20\n  low: 0.10\n  high: 0.30"
    text = shipped("prices", "default")
    assert chips in text
    path.write_text(text.replace(chips, "chip_credit_eur_per_kg:\n  value: 9"))
    with pytest.raises(
        ValueError, match=r"dear\.yaml: chip_credit_eur_per_kg is 9\.0: allowed is at least 0, at most 1\.6"
    ):
        load_prices(path)
