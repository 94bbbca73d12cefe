"""Energy: measured curves against one another, and what a shorter cut saves."""

import numpy as np
import pytest

from envs.machining import cutting, energy


def test_measured_curves():
    rates = np.array([0.1, 0.5, 1.0, 2.0])  # cm3/s
    assert energy.li_kara_energy_kj_cm3(rates) == pytest.approx([23.4, 5.9, 3.7, 2.6], abs=0.06)
    assert energy.diaz_energy_j_mm3(rates * 1000) == pytest.approx([18.5, 6.6, 5.2, 4.4], abs=0.06)


def test_gutowski_is_diaz_with_its_fixed_power():
    rates = np.geomspace(10, 5000, 20)
    found = energy.specific_energy_j_mm3(1.481, 3.678, rates)
    assert found == pytest.approx(energy.diaz_energy_j_mm3(rates))


def test_specific_energy_is_power_over_removal():
    removal = cutting.turning_removal_mm3_s(200, 2, 0.25)
    kc = cutting.specific_cutting_force(1500, 0.22, 0.25)
    power = 2.0 + energy.cutting_power_kw(kc, removal, efficiency=0.8)
    assert energy.specific_energy_j_mm3(2.0, kc * 1e-3 / 0.8, removal) == pytest.approx(power * 1e3 / removal)
    assert energy.cutting_power_kw(kc, removal) == pytest.approx(cutting.turning_power_kw(200, 2, 0.25, kc))


def test_states():
    powers = (0.0, 0.4, 2.0, 2.5, 3.5)
    assert energy.state_power_kw([[0, 1, 2], [3, 4, 4]], powers).tolist() == [[0, 0.4, 2], [2.5, 3.5, 3.5]]
    assert energy.state_power_kw(energy.READY, powers) == 2.0
    assert energy.STATES[energy.WARM_UP] == "warm_up"
    for wrong in (5, -1, 1.5):
        with pytest.raises(ValueError, match=f"state is {wrong}: allowed are"):
            energy.state_power_kw(wrong, powers)
    with pytest.raises(ValueError, match="powers_kw has shape"):
        energy.state_power_kw(1, powers[:4])


@pytest.mark.parametrize(("handling_share", "saving"), [(0.0, 0.15), (0.2, 0.126), (0.4, 0.10)])
def test_a_fifth_less_cutting_time(handling_share, saving):
    """Three quarters fixed while cutting; the cut's own energy stays, as the same chips are made."""
    cut, handling = 1 - handling_share, handling_share
    before = energy.part_energy_kwh(3.0, 1.0, cut, handling)
    after = energy.part_energy_kwh(3.0, 1.0 / 0.8, 0.8 * cut, handling)
    assert 1 - after / before == pytest.approx(saving, abs=1e-3)


def test_with_the_takt_given_only_standby_saves():
    """Faster cutting leaves the fixed power on for as long: what saves is switching it off."""
    fixed, cut_kw, standby, takt, cut = 3.0, 1.0, 0.5, 1.0, 0.8
    before = energy.part_energy_kwh(fixed, cut_kw, cut, takt - cut)
    faster = energy.part_energy_kwh(fixed, cut_kw / 0.8, 0.8 * cut, takt - 0.8 * cut)
    assert faster == pytest.approx(before)
    idle = takt - 0.8 * cut
    off = energy.part_energy_kwh(fixed, cut_kw / 0.8, 0.8 * cut, 0.0) + energy.energy_kwh(standby, idle)
    assert before - off == pytest.approx(energy.energy_kwh(fixed - standby, idle))


def test_energy_and_standby():
    assert energy.energy_kwh([3.0, 6.0], [20, 10]) == pytest.approx([1.0, 1.0])
    pause = energy.standby_pays_above_min(2.0, 0.5, 0.1)
    assert energy.energy_kwh(0.5, pause) + 0.1 == pytest.approx(energy.energy_kwh(2.0, pause))
    with pytest.raises(ValueError, match="standby_kw is 2: allowed are 0 to below ready_kw"):
        energy.standby_pays_above_min(2.0, 2.0, 0.1)
