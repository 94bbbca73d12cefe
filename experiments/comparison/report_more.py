"""The second half of the report: staffing, factorial, maps, regions, and what all of it does not show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from experiments.comparison import html
from experiments.comparison.agreement import agreement_html
from experiments.comparison.canvas import words
from experiments.comparison.charts import Grid, entry_text, heat_map, signed_text
from experiments.comparison.whatif import whatif_html

if TYPE_CHECKING:
    from experiments.comparison.extras import Extras
    from experiments.comparison.study import Plan


def besides(result: Mapping[str, Any], extras: Extras) -> Iterator[str]:
    """Yield what was worked besides the main comparison."""
    if "equal_staffing" in result:
        found = result["equal_staffing"]
        yield html.heading(f"At equal staffing: {found['machines_per_operator']} machines per operator")
        metrics = list(next(iter(found["modes"].values())))
        yield html.table(
            ["way of working", *map(words, metrics)],
            [
                [words(name), *(entry_text(entries[m]) for m in metrics)]
                for name, entries in found["modes"].items()
            ],
        )
    if "agreement" in result:
        yield from agreement_html(result["agreement"])
    if "factorial" in result:
        yield from _factorial(result["factorial"])
    for name, title in (("lots", "Map 1"), ("strengths", "Map 2")):
        for kind, grid in extras.maps.get(name, {}).items():
            yield html.heading(f"{title}: where autonomy pays, {kind}")
            yield html.Raw(_map_svg(grid, kind))
    yield from _regions(result["regions"])
    yield from whatif_html(result["prices"])


def maps_svg(extras: Extras) -> dict[str, str]:
    """The maps with one-offs as drawings by themselves, by name."""
    kind = "with one-offs"
    return {name: _map_svg(grids[kind], kind) for name, grids in extras.maps.items()}


def _map_svg(grid: Grid, kind: str) -> str:
    text = f"Autonomous less automated, EUR a good part, {kind}"
    return heat_map(grid, text, "autonomous is cheaper", "automated is cheaper")


def _factorial(found: Mapping[str, Any]) -> Iterator[str]:
    yield html.heading("Which part of autonomy is worth what")
    rows = [
        [words(name), signed_text(one), signed_text(found["effects_without_one_offs"][name])]
        for name, one in found["effects"].items()
    ]
    yield html.table(["factor", "EUR a good part", "without one-offs"], rows)
    yield html.table(
        ["cell", "cost per good part (EUR)"], [[words(n), entry_text(e)] for n, e in found["cells"].items()]
    )
    note = "Each factor's change of the cost, averaged over the levels of the others. "
    if found["handling_is_the_same"]:
        note += "Handling is no factor here: both ways use the same skill."
    yield html.paragraph(note, "note")


def _regions(found: Mapping[str, Any]) -> Iterator[str]:
    yield html.heading("Regions")
    cost = found["cost_per_good_part"]
    names = list(next(iter(cost.values())))
    rows = [
        [words(mode), *(entry_text(entries[name]) for name in names), entry_text(found["spread"][mode])]
        for mode, entries in cost.items()
    ]
    yield html.table(["EUR a good part", *names, "dearest over cheapest, less 1"], rows)
    if found["increment"]:
        yield html.table(
            ["autonomous less automated (EUR)", *names],
            [["", *(signed_text(found["increment"][name]) for name in names)]],
        )
    spread = {mode: entry["mean"] for mode, entry in found["spread"].items()}
    three = [spread.get(mode) for mode in ("manual", "automated", "autonomous")]
    if all(value is not None for value in three):
        manual, automated, autonomous = (float(value or 0.0) for value in three)
        verb = "shrinks" if autonomous < automated else "grows"
        yield html.paragraph(
            f"By hand the dearest region is {manual:.0%} above the cheapest, automated {automated:.0%}, "
            f"autonomous {autonomous:.0%}: autonomy's increment over automation {verb} the spread by "
            f"{abs(autonomous - automated):.1%}."
        )
    yield html.paragraph(
        "The same ledgers at each region's wages, electricity, cost of capital and freight to a customer "
        "in central Europe; "
        "deciders were told the prices of the study's own region.",
        "note",
    )


def limits(plan: Plan) -> Iterator[str]:
    """Yield what the comparison does not show."""
    yield html.heading("What this does not show")
    lines = [
        "Wages, prices, capital and times of people's work are defaults with a range; most are estimates "
        "of the trade, and "
        "the tables say which. Your own stops and cycles go in with --calibrate.",
        f"Greenhouse gases: electricity within the {plan.money.boundary} boundary of the grid, and blanks "
        "cradle to gate. "
        "Making machines, tools and the building is outside.",
    ]
    if plan.handling == "recorded":
        lines.append(
            "Loading and unloading are resampled from recorded full-physics cycles: a cycle that was "
            "never recorded cannot "
            "happen here."
        )
    if not any(mode.learned_handling for mode in plan.modes):
        lines.append(
            "No learned policy handled parts in this study: the autonomous way used the same skill as "
            "automation, and "
            "nothing was charged for data, cameras or training of one. What differs is supervision and "
            "process."
        )
    yield html.bullets(lines)
