"""Tables of several studies side by side, such as at several strengths, in Markdown for README and docs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.comparison.canvas import words
from experiments.comparison.paired import PRIMARY
from experiments.errors import UserError, read_json
from experiments.markdown import table

# Of the metrics of compare.json, those that a page has room for: name, times what, digits.
_BESIDE = (
    ("first_pass_yield", "first-pass yield, %", 100.0, 1),
    ("on_time_ratio", "orders on time, %", 100.0, 0),
    ("cycles_between_assists", "cycles between assists", 1.0, 0),
)
_DIFFERENCES = (
    (PRIMARY, "EUR per good, ordered part", 1.0, 2),
    ("first_pass_yield", "first-pass yield, points", 100.0, 1),
    ("escaped_defects_ppm", "escaped defects, ppm", 1.0, 0),
    ("good_parts_per_h", "good parts an hour", 1.0, 2),
    ("on_time_ratio", "orders on time, points", 100.0, 0),
    ("paid_labour_h_per_good_part", "paid hours a part", 1.0, 3),
    ("interventions_per_100_parts", "interventions in 100 parts", 1.0, 2),
    ("kwh_per_good_part", "kWh a part", 1.0, 3),
    ("kgco2e_per_good_part", "kg CO2e a part", 1.0, 2),
)
_NEEDED = ("modes", "paired", "strengths", "n_shifts", "also", "machines_per_operator", "handling")


def read_studies(paths: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """Return studies by what they are of, such as "strength 1".

    Args:
        paths: Their `compare.json`.

    Raises:
        UserError: If one is none, or two are of the same, or their ways of working differ.
    """
    found: dict[str, dict[str, Any]] = {}
    for path in paths:
        study = read_json(path)
        if not isinstance(study, dict) or any(key not in study for key in _NEEDED):
            raise UserError(f"{str(path)!r} is no study: the compare.json of one is needed")
        label = _label(study)
        if label in found:
            raise UserError(f"{str(path)!r} is of {label}, and so is another: name one of them")
        if found and list(study["modes"]) != list(next(iter(found.values()))["modes"]):
            raise UserError(f"{str(path)!r} has other ways of working: {', '.join(study['modes'])}")
        found[label] = study
    return found


def _label(study: Mapping[str, Any]) -> str:
    """What sets a study apart."""
    strengths = study["strengths"]
    levels = sorted(set(strengths.values()))
    there = [f"{words(name)} {k}" for name, k in strengths.items() if k]
    label = f"strength {levels[0] if len(levels) == 1 else ', '.join(there)}"
    unmanned = study.get("unmanned_hours")
    return f"{label}, {unmanned:g} h unmanned" if unmanned else label


def tables(studies: Mapping[str, Mapping[str, Any]]) -> Iterator[list[str]]:
    """Yield the table of all ways of working, then that of the last less the one before it."""
    first = next(iter(studies.values()))
    names = list(first["modes"])
    yield _ways(studies, names)
    if len(names) > 1:
        yield _differences(studies, names[-1], names[-2])


def _ways(studies: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> list[str]:
    """Cost with its interval; the rest as one number a study."""
    staffing = next(iter(studies.values()))["machines_per_operator"]
    turn = ", in turn" if len(studies) > 1 else ""
    heads = [f"{text}{turn}" for _, text, _, _ in _BESIDE]
    rows = []
    for name in names:
        metrics = [_metrics(study["modes"][name]) for study in studies.values()]
        crashes = " / ".join(str(study["also"][name]["crashes"]) for study in studies.values())
        n_shifts = " / ".join(str(_n_worked(study, name)) for study in studies.values())
        rows.append(
            [
                f"{words(name)}, {staffing[name]}",
                *(_interval(one[PRIMARY]["mean"], one[PRIMARY]["ci95"]) for one in metrics),
                *(
                    " / ".join(_number(one[key]["mean"], times, digits) for one in metrics)
                    for key, _, times, digits in _BESIDE
                ),
                f"{crashes} in {n_shifts}",
            ]
        )
    costs = [f"EUR a part, {label}" for label in studies]
    return table(["way, machines a person", *costs, *heads, f"crashes in shifts{turn}"], rows)


def _n_worked(study: Mapping[str, Any], name: str) -> int:
    """Shifts of all policies of a way of working."""
    return int(study["n_shifts"]) * len(study["handling"]["skills"][name])


def _differences(studies: Mapping[str, Mapping[str, Any]], a: str, b: str) -> list[str]:
    rows = []
    for key, text, times, digits in _DIFFERENCES:
        tests = [study["paired"][f"{a}_vs_{b}"][key] for study in studies.values()]
        rows.append([text, *(_difference(test, times, digits) for test in tests)])
    return table([f"{words(a)} less {words(b)} [95 %]", *studies], rows)


def _difference(test: Mapping[str, Any], times: float, digits: int) -> str:
    if test["difference"] is None:
        return "-"
    value = f"{times * test['difference']:+.{digits}f}"
    if test["ci95"] is None:
        return value
    low, high = (f"{times * end:.{digits}f}" for end in test["ci95"])
    return f"{value} [{low}, {high}], {test['verdict']}"


def _metrics(groups: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {name: entry for metrics in groups.values() for name, entry in metrics.items()}


def _interval(mean: float | None, ends: Sequence[float] | None) -> str:
    if mean is None:
        return "-"
    if ends is None:
        return _three(mean)
    return f"{_three(mean)} [{_three(ends[0])}, {_three(ends[1])}]"


def _three(value: float) -> str:
    """Three digits that tell, noughts at the end too."""
    return f"{value:#.3g}".rstrip(".")


def _number(mean: float | None, times: float, digits: int) -> str:
    return "-" if mean is None else f"{times * mean:.{digits}f}"
