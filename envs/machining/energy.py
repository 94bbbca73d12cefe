"""Electric power of a machine tool: its states, and what the cut adds.

States are those of ISO 14955-1. Power is that of the state plus the cut (Gutowski et al. 2006), so that
specific energy falls towards that of the cut alone as more is removed per second.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from envs.machining._check import Array, positive, within
from envs.machining.cutting import MAX_KC

STATES = ("off", "standby", "ready", "warm_up", "processing")
OFF, STANDBY, READY, WARM_UP, PROCESSING = range(len(STATES))
_MAX_KW = 1e4


def state_power_kw(state: ArrayLike, powers_kw: Sequence[float]) -> Array:
    """Return the power of each machine's state, before any cutting.

    Args:
        state: (...,) indices into `STATES`.
        powers_kw: Power of each state, in the order of `STATES`.

    Raises:
        ValueError: for an argument out of range.
    """
    table = within("powers_kw", powers_kw, 0.0, _MAX_KW)
    if table.shape != (len(STATES),):
        raise ValueError(f"powers_kw has shape {table.shape}: allowed is ({len(STATES)},)")
    index = within("state", state, 0, len(STATES) - 1)
    if (index != np.floor(index)).any():
        raise ValueError(f"state is {state!r}: allowed are whole numbers 0 to {len(STATES) - 1}")
    return table[index.astype(np.intp)]


def cutting_power_kw(kc: ArrayLike, removal_mm3_s: ArrayLike, efficiency: ArrayLike = 1.0) -> Array:
    """Return kc times the removal rate in kW, over the drive's efficiency.

    Args:
        kc: Specific cutting force in N/mm2, which is specific energy in mJ/mm3.
        removal_mm3_s: Material removal rate.
        efficiency: Of the drive; 1 gives the power at the edge.

    Raises:
        ValueError: for an argument out of range.
    """
    strength = positive("kc", kc, MAX_KC)
    removal = within("removal_mm3_s", removal_mm3_s, 0.0, 1e7)
    return strength * removal * 1e-6 / within("efficiency", efficiency, 0.01, 1.0)


def energy_kwh(power_kw: ArrayLike, minutes: ArrayLike) -> Array:
    """Return power times time.

    Raises:
        ValueError: for an argument out of range.
    """
    return within("power_kw", power_kw, 0.0, _MAX_KW) * within("minutes", minutes, 0.0, 1e8) / 60.0


def specific_energy_j_mm3(fixed_kw: ArrayLike, cutting_j_mm3: ArrayLike, removal_mm3_s: ArrayLike) -> Array:
    """Return P0 / MRR + k in J/mm3, the same as kJ/cm3 (Gutowski, Dahmus, Thiriez 2006).

    Args:
        fixed_kw: Power without a cut, P0.
        cutting_j_mm3: What the cut itself takes k: kc / 1000, over the drive's efficiency.
        removal_mm3_s: Material removal rate MRR.

    Raises:
        ValueError: for an argument out of range.
    """
    fixed = within("fixed_kw", fixed_kw, 0.0, _MAX_KW) * 1e3
    cutting = within("cutting_j_mm3", cutting_j_mm3, 0.0, 1e3)
    return fixed / within("removal_mm3_s", removal_mm3_s, 1e-3, 1e7) + cutting


def li_kara_energy_kj_cm3(removal_cm3_s: ArrayLike) -> Array:
    """Return 1.495 + 2.191 / MRR, measured on a Colchester Tornado A50 lathe.

    Source: Li and Kara 2011, doi 10.1177/2041297511398541; the numbers are from memory.

    Raises:
        ValueError: for an argument out of range.
    """
    return 1.495 + 2.191 / within("removal_cm3_s", removal_cm3_s, 1e-6, 1e4)


def diaz_energy_j_mm3(removal_mm3_s: ArrayLike) -> Array:
    """Return 3.678 + 1481 / MRR, measured on a Mori Seiki NV1500DCG machining centre.

    Source: Diaz, Redelsheimer and Dornfeld 2011; the numbers are from memory.

    Raises:
        ValueError: for an argument out of range.
    """
    return 3.678 + 1481.0 / within("removal_mm3_s", removal_mm3_s, 1e-3, 1e7)


def part_energy_kwh(
    fixed_kw: ArrayLike, cutting_kw: ArrayLike, cutting_min: ArrayLike, handling_min: ArrayLike = 0.0
) -> Array:
    """Return the energy of one part on a machine whose fixed power runs through handling as well.

    Args:
        fixed_kw: Power without a cut, while the machine is ready.
        cutting_kw: What the cut adds.
        cutting_min: Time in the cut.
        handling_min: Time between two cuts.

    Raises:
        ValueError: for an argument out of range.
    """
    fixed = within("fixed_kw", fixed_kw, 0.0, _MAX_KW)
    cutting = within("cutting_kw", cutting_kw, 0.0, _MAX_KW)
    cut = within("cutting_min", cutting_min, 0.0, 1e8)
    return (fixed * (cut + within("handling_min", handling_min, 0.0, 1e8)) + cutting * cut) / 60.0


def standby_pays_above_min(ready_kw: ArrayLike, standby_kw: ArrayLike, wake_kwh: ArrayLike) -> Array:
    """Return the pause from which standby saves energy: what waking costs over what it saves per time.

    Args:
        ready_kw: Power while ready.
        standby_kw: Power in standby; below that.
        wake_kwh: Energy to be ready again, over that of having stayed ready.

    Raises:
        ValueError: for an argument out of range.
    """
    ready = within("ready_kw", ready_kw, 0.0, _MAX_KW)
    saved = ready - within("standby_kw", standby_kw, 0.0, _MAX_KW)
    if saved.size and not saved.min() >= 1e-6:
        raise ValueError(f"standby_kw is {np.max(standby_kw):g}: allowed are 0 to below ready_kw")
    return within("wake_kwh", wake_kwh, 0.0, 1e4) / saved * 60.0
