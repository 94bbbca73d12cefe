"""ISO 22400-2: the worked example, identities, and what users get wrong."""

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from experiments.qcde import kpi_from_times

A18 = {
    "pot_min": 480, "planned_down_min": 30, "aubt_min": 420, "adet_min": 50, "aust_min": 40, "pri_min": 2.5,
    "pq": 120, "gq": 114, "sq": 4, "rq": 2,
}  # fmt: skip


def test_the_worked_example():
    found = kpi_from_times(**A18)
    expected = {
        "availability": 0.7333, "effectiveness": 0.9091, "quality_ratio": 0.95, "oee": 0.6333, "nee": 0.7101,
        "allocation_efficiency": 0.9333, "utilisation_efficiency": 0.7857, "technical_efficiency": 0.8684,
        "setup_rate": 0.1081, "scrap_ratio": 0.0333, "rework_ratio": 0.0167, "first_pass_yield": 0.95,
    }  # fmt: skip
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value, abs=1e-4), name
    # What no input tells is not there.
    for name in (
        "teep",
        "throughput_rate",
        "allocation_ratio",
        "production_process_ratio",
        "corrective_ratio",
    ):
        assert getattr(found, name) is None, name


def test_another_published_example():
    """The shift that is printed in many introductions to OEE: 88.81, 86.11, 97.80 and 74.79 %."""
    found = kpi_from_times(pbt_min=420, apt_min=373, pri_s=1.0, pq=19_271, gq=18_848)
    shown = (found.availability, found.effectiveness, found.quality_ratio, found.oee)
    assert shown == pytest.approx((0.8881, 0.8611, 0.9780, 0.7479), abs=5e-5)


def test_more_input_tells_more():
    found = kpi_from_times(**A18, calendar_h=24, aoet_h=7.5, cmt_min=30, pmt_min=90)
    assert found.teep == pytest.approx(2.5 * 114 / 1440)
    assert found.throughput_rate == pytest.approx(120 / 7.5)
    assert found.allocation_ratio == pytest.approx(420 / 450)
    assert found.production_process_ratio == pytest.approx(330 / 450)
    assert found.corrective_ratio == 0.25


def test_units_and_ways_to_say_it_agree():
    minutes = kpi_from_times(**A18)
    quantities = {"pq": 120, "gq": 114, "sq": 4, "rq": 2}
    mixed = kpi_from_times(
        pot_h=8, planned_down_s=1800, apt_min=330, aust_min=40, adot_h=0.5, pri_s=150, **quantities
    )
    for name, value in vars(minutes).items():
        assert vars(mixed)[name] == (value if value is None else pytest.approx(value)), name


def test_a_part_faster_than_planned_is_not_clipped():
    assert kpi_from_times(pbt_min=100, apt_min=50, pri_min=1, pq=60, gq=60).effectiveness == 1.2


def test_times_given_twice_may_differ_in_rounding_and_availability_stays_a_share():
    found = kpi_from_times(pbt_min=100.0, apt_min=100.00001, aust_min=0, adet_min=0, pq=1, gq=1)
    assert found.availability == 1.0
    with pytest.raises(ValueError, match="pbt is 100 min: allowed is the sum"):
        kpi_from_times(pbt_min=100.0, apt_min=100.1, aust_min=0, adet_min=0, pq=1, gq=1)


def test_a_shift_without_parts():
    found = kpi_from_times(
        pot_min=480, planned_down_min=0, aubt_min=0, adet_min=0, aust_min=0, pri_min=2, pq=0, gq=0
    )
    assert (found.oee, found.availability) == (0.0, 0.0)
    undefined = (found.effectiveness, found.quality_ratio, found.nee, found.setup_rate, found.scrap_ratio)
    assert undefined == (None,) * 5


amount = st.one_of(st.just(0.0), st.floats(1e-3, 1e6))


@given(
    st.fixed_dictionaries(dict.fromkeys(("apt", "aust", "adet", "adot", "planned_down", "off"), amount)),
    st.floats(1e-3, 1e4),
    st.integers(0, 10_000),
    st.integers(0, 10_000),
    st.integers(0, 10_000),
)
@settings(max_examples=300, deadline=None)
def test_bounds_and_identities(t, pri, good, scrap, rework):
    off = t.pop("off")
    pot = math.fsum(t.values())
    pq = good + scrap + rework
    found = kpi_from_times(
        **{f"{name}_s": value for name, value in t.items()},
        calendar_s=pot + off, pri_s=pri, pq=pq, gq=good, sq=scrap, rq=rework,
    )  # fmt: skip
    pbt = pot - t["planned_down"]
    for value in vars(found).values():
        assert value is None or (math.isfinite(value) and value >= 0.0)
    assume(pbt > 0)
    assert 0.0 <= found.availability <= 1.0
    assert found.oee == pytest.approx(pri * good / pbt)
    assert found.teep <= found.oee * (1 + 1e-9)
    if t["apt"] > 0:
        assert found.nee >= found.oee * (1 - 1e-9)
        if pq:
            product = found.availability * found.effectiveness * found.quality_ratio
            assert found.oee == pytest.approx(product)
    else:
        assert found.effectiveness is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"pot_min": -1}, r"pot_min is -1: allowed is at least 0"),
        ({"pri_min": math.nan}, r"pri_min is nan: allowed is at least 0"),
        ({"apt_mn": 3}, r"apt_mn is 3: allowed are times .* did you mean 'apt_min'\?"),
        ({"pot": 480}, r"pot is 480: .* with _s, _min or _h; did you mean 'pot_min'\?"),
        ({"pot_h": 8}, r"pot_h is 8: pot is given already in another unit"),
        ({"planned_down_min": 500}, r"pot is 480 min: allowed is the sum .* planned_down is 500 min"),
        ({"aubt_min": 460}, r"pbt is 450 min: allowed is the sum .* aubt is 460 min"),
        ({"apt_min": 300}, r"aupt is .* min: allowed is the sum"),
        ({"calendar_h": 7}, r"calendar is 420 min: allowed is the sum .* pot is 480 min"),
        ({"gq": 121}, r"gq is 121: allowed is at least 0, at most 120"),
        ({"sq": 7}, r"gq \+ sq is 121: allowed is at most pq = 120"),
        ({"pq": math.inf}, r"pq is inf: allowed is at least 0"),
        ({"gp": 130}, r"gp is 130: allowed is at least 0, at most 120"),
    ],
)
def test_wrong_input_is_told_in_one_line(wrong, message):
    with pytest.raises(ValueError, match=message) as caught:
        kpi_from_times(**{**A18, **wrong})
    assert "\n" not in str(caught.value)
