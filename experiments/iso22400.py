"""Key performance indicators of ISO 22400-2, from its time elements and quantities.

`kpi_from_times` is for anyone's data, `kpi_of` for what `envs.accounts` reads from a ledger. What is not
defined, for lack of an input or because it divides by 0, is None.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass

from configs.figures import within
from envs.accounts import TimeElements

_PER_UNIT_S = {"s": 1.0, "min": 60.0, "h": 3600.0}
# Time elements by their abbreviations in ISO 22400-2; `planned_down` and `calendar` have none there.
TIMES: Mapping[str, str] = {
    "calendar": "all of the time",
    "pot": "planned operation time",
    "planned_down": "planned down time",
    "pbt": "planned busy time",
    "aubt": "actual unit busy time",
    "adot": "actual unit down time, without an order",
    "aupt": "actual unit processing time",
    "adet": "actual unit delay time",
    "aust": "actual unit setup time",
    "apt": "actual production time",
    "aoet": "actual order execution time",
    "att": "actual transport time",
    "aqt": "actual queuing time",
    "pri": "planned run time per item",
    "cmt": "corrective maintenance time",
    "pmt": "preventive maintenance time",
}
# Each is the sum of the others.
_SUMS = (
    ("pot", "pbt", "planned_down"),
    ("pbt", "aubt", "adot"),
    ("aubt", "aupt", "adet"),
    ("aupt", "apt", "aust"),
    ("aoet", "aubt", "att", "aqt"),
)
_RELATIVE = 1e-6  # what times given twice may differ by


@dataclass(frozen=True, kw_only=True)
class Kpi:
    """Indicators of ISO 22400-2: shares of 1, except `throughput_rate` in parts per hour.

    `effectiveness` passes 1 where parts take less than planned: it is not clipped. `teep` is OEE on calendar
    time; it and `corrective_ratio` are as in ISO 22400-2 or trade use.
    """

    availability: float | None
    effectiveness: float | None
    quality_ratio: float | None
    oee: float | None
    nee: float | None
    teep: float | None
    allocation_ratio: float | None
    allocation_efficiency: float | None
    utilisation_efficiency: float | None
    technical_efficiency: float | None
    production_process_ratio: float | None
    setup_rate: float | None
    throughput_rate: float | None
    scrap_ratio: float | None
    rework_ratio: float | None
    first_pass_yield: float | None
    corrective_ratio: float | None


def ratio(part: float | None, whole: float | None) -> float | None:
    """Return a quotient, None where a term is missing, the divisor is 0 or the quotient not finite."""
    if part is None or whole is None or whole == 0:
        return None
    quotient = part / whole
    return quotient if math.isfinite(quotient) else None


def kpi_from_times(
    *,
    pq: float,
    gq: float,
    sq: float = 0.0,
    rq: float = 0.0,
    gp: float | None = None,
    ip: float | None = None,
    **times: float,
) -> Kpi:
    """Return the indicators from ISO 22400-2's own elements, such as a plant's data.

    Times are given by their abbreviation and a unit, `_s`, `_min` or `_h`: `pot_min=480, pri_s=150`. `TIMES`
    lists them. Those that follow from others may be left out (`pbt` is `pot` less `planned_down`, `apt` is
    `aupt` less `aust`, and so on); given too, they must agree.

    >>> round(kpi_from_times(pbt_h=7.5, apt_h=5.5, pri_min=2.5, pq=120, gq=114).oee, 4)
    0.6333

    Args:
        pq: Produced quantity.
        gq: Good quantity.
        sq: Scrap quantity.
        rq: Rework quantity.
        gp: Parts good the first time. If not given: `gq`, where scrap and rework are the rest of `pq`.
        ip: Inspected parts; `pq` if not given.
        times: Time elements.

    Raises:
        ValueError: for a name that is unknown, times that contradict each other, a quantity that passes
            what it is part of, or a value that is not finite or below 0.
    """
    within("pq", pq)
    for name, count in (("gq", gq), ("sq", sq), ("rq", rq)):
        within(name, count, 0.0, pq)
    if gq + sq > pq * (1 + _RELATIVE):
        raise ValueError(f"gq + sq is {gq + sq:g}: allowed is at most pq = {pq:g}")
    if gp is None and math.isclose(gq + sq + rq, pq, rel_tol=_RELATIVE):
        gp = gq
    inspected = pq if ip is None else within("ip", ip)
    if gp is not None:
        within("gp", gp, 0.0, inspected)
    t = _solve(_seconds(times))
    pri = t.get("pri")
    good_s, all_s = (None, None) if pri is None else (pri * gq, pri * pq)
    counts = {"pq": pq, "gq": gq, "sq": sq, "rq": rq, "gp": gp, "ip": inspected}
    return _kpi(t, counts, good_s, all_s)


def kpi_of(
    times: TimeElements, counts: Mapping[str, float], planned_good_s: float, planned_all_s: float
) -> Kpi:
    """Return the indicators from a unit's time elements in a ledger.

    Args:
        times: From `envs.accounts.time_elements`.
        counts: `pq`, `gq`, `sq`, `rq`, `gp`, `ip`.
        planned_good_s: Planned run time of the good parts, each by its own type.
        planned_all_s: Planned run time of all parts produced.
    """
    names = ("calendar", "pot", "planned_down", "pbt", "aubt", "adot", "aupt", "adet", "aust", "apt", "aoet")
    t: dict[str, float] = {name: getattr(times, f"{name}_s") for name in names}
    t |= {"cmt": times.corrective_s, "pmt": times.preventive_s}
    return _kpi(t, counts, planned_good_s, planned_all_s)


def _kpi(
    t: Mapping[str, float], n: Mapping[str, float | None], good_s: float | None, all_s: float | None
) -> Kpi:
    """All formulas, once. OEE = A E Q = PRI GQ / PBT: the short form is defined where a factor is not."""
    get, pq = t.get, n["pq"]
    pbt, apt = get("pbt"), get("apt")
    delayed = None if apt is None or "adet" not in t else apt + t["adet"]
    effective = ratio(good_s, apt)  # E Q
    processing = ratio(get("aupt"), pbt)
    maintained = t["cmt"] + t["pmt"] if "cmt" in t and "pmt" in t else None
    throughput = ratio(pq, get("aoet"))
    available = ratio(apt, pbt)
    return Kpi(
        # Times that are given twice may differ in rounding: no more than that is cut off here.
        availability=None if available is None else min(1.0, available),
        effectiveness=ratio(all_s, apt),
        quality_ratio=ratio(n["gq"], pq),
        oee=ratio(good_s, pbt),
        nee=None if effective is None or processing is None else processing * effective,
        teep=ratio(good_s, get("calendar")),
        allocation_ratio=ratio(get("aubt"), get("aoet")),
        allocation_efficiency=ratio(get("aubt"), pbt),
        utilisation_efficiency=ratio(apt, get("aubt")),
        technical_efficiency=ratio(apt, delayed),
        production_process_ratio=ratio(apt, get("aoet")),
        setup_rate=ratio(get("aust"), get("aupt")),
        throughput_rate=None if throughput is None else throughput * 3600.0,
        scrap_ratio=ratio(n["sq"], pq),
        rework_ratio=ratio(n["rq"], pq),
        first_pass_yield=ratio(n["gp"], n["ip"]),
        corrective_ratio=ratio(get("cmt"), maintained),
    )


def _seconds(times: Mapping[str, float]) -> dict[str, float]:
    """Times in seconds by abbreviation."""
    found: dict[str, float] = {}
    for key, value in times.items():
        name, _, unit = key.rpartition("_")
        if name not in TIMES or unit not in _PER_UNIT_S:
            allowed = [f"{n}_{unit if unit in _PER_UNIT_S else 'min'}" for n in TIMES]
            near = difflib.get_close_matches(key, allowed, 1, 0.4)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"{key} is {value!r}: allowed are times {', '.join(TIMES)} with _s, _min or _h{hint}"
            )
        if name in found:
            raise ValueError(f"{key} is {value!r}: {name} is given already in another unit")
        found[name] = within(key, value) * _PER_UNIT_S[unit]
    return found


def _solve(t: dict[str, float]) -> dict[str, float]:
    """Fill in what follows from sums, and refuse what contradicts them."""
    found = True
    while found:
        found = False
        for whole, *parts in _SUMS:
            missing = [name for name in (whole, *parts) if name not in t]
            if len(missing) != 1:
                continue
            known = math.fsum(t[name] for name in parts if name in t)
            value = known if missing == [whole] else t[whole] - known
            if value < -_RELATIVE * known:
                raise ValueError(_contradiction(whole, t[whole], parts, known, t))
            t[missing[0]] = max(0.0, value)
            found = True
    for whole, *parts in _SUMS:
        given = [t[name] for name in parts if name in t]
        known, all_given = math.fsum(given), len(given) == len(parts)
        if whole in t and given:
            slack = _RELATIVE * max(known, t[whole])
            if known > t[whole] + slack or (all_given and known < t[whole] - slack):
                raise ValueError(_contradiction(whole, t[whole], parts, known, t))
    if t.get("calendar", math.inf) < t.get("pot", 0.0) * (1.0 - _RELATIVE):
        raise ValueError(_contradiction("calendar", t["calendar"], ["pot"], t["pot"], t))
    return t


def _contradiction(whole: str, value: float, parts: list[str], sum_s: float, t: Mapping[str, float]) -> str:
    named = " + ".join(name for name in parts if name in t)
    return (
        f"{whole} is {value / 60:g} min: allowed is the sum of its parts, and {named} is {sum_s / 60:g} min"
    )
