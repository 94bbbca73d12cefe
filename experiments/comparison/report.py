"""report.html: the comparison in words, tables and drawings; losses of autonomy come first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from envs.ledger import Ledger
from experiments.comparison import html, reading
from experiments.comparison.canvas import words
from experiments.comparison.charts import (
    bars,
    entry_text,
    gantt,
    label,
    number,
    pareto,
    stacked,
    waterfall,
)
from experiments.comparison.modes import Mode, is_due
from experiments.comparison.paired import PRIMARY, Interval
from experiments.comparison.report_more import besides, limits
from experiments.comparison.results import MORE_IS_BETTER, Worked, causes, rows_of
from experiments.comparison.shifts import staffed
from experiments.figures import line_chart_svg

if TYPE_CHECKING:
    from experiments.comparison.extras import Extras
    from experiments.comparison.study import Plan

_DRAWN = (
    PRIMARY, "first_pass_yield", "good_parts_per_h", "oee", "paid_labour_h_per_good_part",
    "interventions_per_100_parts", "ppk", "on_time_ratio", "kgco2e_per_good_part",
)  # fmt: skip
_STORY = 14  # lines of a part's story


def report_html(
    plan: Plan,
    worked: Sequence[Worked],
    ledgers: Mapping[str, Mapping[str, Sequence[Ledger]]],
    result: Mapping[str, Any],
    extras: Extras,
) -> str:
    """Return the page."""
    first = {name: next(iter(rows.values())) for name, rows in ledgers.items()}
    parts = [
        *_opening(plan, result),
        *_verdicts(result),
        *_figures(result),
        *_money(worked, plan),
        *_time(worked, first, plan),
        *_one_shift(first, plan),
        *_people(first, result),
        *besides(result, extras),
        *limits(plan),
    ]
    return html.page("By hand, automated, autonomous: the same cell, the same shifts", parts)


# --- What was compared, and what came out ------------------------------------------------------------


def _opening(plan: Plan, result: Mapping[str, Any]) -> Iterator[str]:
    strong = {k: v for k, v in result["strengths"].items() if v}
    disturbed = (
        ", ".join(f"{words(k)} {v}" for k, v in strong.items()) or "none beyond the usual (strength 0)"
    )
    yield html.paragraph(
        f"{result['n_shifts']} paired shifts of {plan.spec.hours:g} h"
        + (f", {result['unmanned_hours']:g} of them with nobody about" if result["unmanned_hours"] else "")
        + ", the same blanks, tools, days and orders for "
        f"every way of working; {result['region']}; disturbances: {disturbed}. Cost counts scheduled machine "
        "hours, the cell's capital, licences and upkeep, one-offs, paid people, tools, energy, material "
        "and escapes."
    )
    yield html.table(
        ["way of working", "what it is", "machines per operator", "who handles the parts"],
        [
            [
                words(m.name),
                m.words,
                str(staffed(plan.spec, m).people.machines_per_operator),
                _handler(m, plan),
            ]
            for m in plan.modes
        ],
    )
    if result["n_shifts"] < 6:
        yield html.paragraph(
            f"{result['n_shifts']} shifts show that the machinery works and nothing else: no interval and "
            "no p value "
            "can be given for fewer than 6."
        )


def _handler(mode: Mode, plan: Plan) -> str:
    if mode.roles["loading"] == "manual":
        return "a person, in standard times"
    how = "recorded full-physics cycles" if plan.handling == "recorded" else "full physics"
    skills = ", ".join(mode.handling)
    if "expert" in mode.handling:
        return f"{skills}: a scripted expert that is given true poses, no learned policy ({how})"
    kind = "learned policy" if mode.learned_handling else "no learned policy"
    return f"{skills} ({kind}; {how})"


def _verdicts(result: Mapping[str, Any]) -> Iterator[str]:
    """What autonomy loses, what nobody can tell, what it wins, in this order."""
    pair = "autonomous_vs_automated"
    if pair not in result["paired"]:
        return
    yield html.heading("Autonomous against automated")
    groups: dict[str, list[str]] = {"worse": [], "undecided": [], "alike": [], "better": []}
    for _, metric, unit, _ in rows_of(result):
        one = result["paired"][pair].get(metric)
        if one is not None and one["difference"] is not None:
            groups[one["verdict"]].append(f"{label(metric, unit)}: {_difference(one)}")
    heads = {
        "worse": "Where autonomy loses",
        "undecided": "Where the shifts cannot tell",
        "alike": f"Alike within {100 * result['smallest_difference_of_interest']:g} %",
        "better": "Where autonomy wins",
    }
    for kind, head in heads.items():
        if groups[kind] or kind == "worse":
            yield html.heading(head, 3)
            yield html.bullets(groups[kind] or ["nowhere beyond doubt, on these shifts"])
    parts = result["break_even_parts"].get(pair)
    told = "never, at this difference" if parts is None else f"after {number(parts)} good parts"
    yield html.paragraph(f"Its one-offs above those of automation are paid for {told}.")


def _difference(one: Mapping[str, Any]) -> str:
    if one["ci95"] is None:
        return f"{one['difference']:+.3g}"
    low, high = one["ci95"]
    p = "" if one["p_holm"] is None else f", p {one['p_holm']:.2g} after Holm"
    return f"{one['difference']:+.3g} [{low:+.3g}, {high:+.3g}]{p}"


# --- Figures ---------------------------------------------------------------------------------------


def _figures(result: Mapping[str, Any]) -> Iterator[str]:
    yield html.heading("Quality, cost, delivery, environment")
    rows = rows_of(result)
    drawn = {
        metric: (unit, {mode: Interval(e["mean"], e["ci95"]) for mode, e in found.items()})
        for _, metric, unit, found in rows
        if metric in _DRAWN
    }
    yield html.Raw(bars(drawn, "Ratios of totals, with 95 % intervals over paired shifts"))
    modes = list(result["modes"])
    yield html.table(
        ["", "metric", *map(words, modes)],
        [
            [group, label(metric, unit), *(entry_text(found[m]) for m in modes)]
            for group, metric, unit, found in rows
        ],
    )
    yield html.heading("Paired differences", 3)
    pairs = [
        p
        for p in ("autonomous_vs_automated", "autonomous_vs_manual", "automated_vs_manual")
        if p in result["paired"]
    ]
    table, marks = [], []
    for _, metric, unit, _ in rows:
        found = [result["paired"][pair].get(metric) for pair in pairs]
        if all(one is not None for one in found):
            table.append(
                [
                    label(metric, unit),
                    *(_difference(o) if o["difference"] is not None else "-" for o in found),
                ]
            )
            marks.append(["", *(o["verdict"] if o["verdict"] != "undecided" else "" for o in found)])
    yield html.table(["metric", *map(words, pairs)], table, marks)
    yield html.paragraph(
        "Green: better, orange: worse, grey: alike within the smallest difference of interest. p values "
        "are of the test "
        "that swaps two ways' labels shift by shift, adjusted for all metrics of a pair (Holm). Less is "
        "better except "
        f"for {', '.join(sorted(map(words, MORE_IS_BETTER)))}.",
        "note",
    )


def _money(worked: Sequence[Worked], plan: Plan) -> Iterator[str]:
    yield html.heading("Cost of a good part by cause")
    columns = {}
    for one in worked:
        sums = [sum(row[1:], row[0]) for row in one.shifts]
        whole = sum(sums[1:], sums[0])
        new = sum(map(sum, one.new_types))
        columns[one.name] = causes(whole, new, one.burden, plan.money.prices.escape_eur)
    yield html.Raw(stacked(columns, "Euros for a good, ordered part", "EUR"))
    rows = [
        [words(mode.name), e.what, f"{number(e.figure.value)} {words(e.unit)}",
         f"{number(e.figure.low)} to {number(e.figure.high)}", section, e.figure.standing, e.figure.source]
        for mode in plan.modes
        for section in ("capital", "running", "one_offs", "new_part_type")
        for e in getattr(mode, section)
        if is_due(e, mode)
    ]  # fmt: skip
    yield html.heading("What each way costs besides the shift", 3)
    yield html.table(
        ["way", "what", "how much", "range", "when", "standing", "source"],
        [[*r[:4], words(r[4]), *r[5:]] for r in rows],
    )


# --- Time ------------------------------------------------------------------------------------------


def _time(worked: Sequence[Worked], first: Mapping[str, Sequence[Ledger]], plan: Plan) -> Iterator[str]:
    yield html.heading("Where the time goes")
    steps = {one.name: reading.waterfall_min(sum(one.shifts[0][1:], one.shifts[0][0])) for one in worked}
    yield html.Raw(
        waterfall(steps, "From scheduled minutes to minutes of good parts (OEE), all shifts", "min")
    )
    n = len(plan.seeds)
    lost = {
        name: {cause: minutes / n for cause, minutes in reading.losses_min(rows, plan.spec.unit).items()}
        for name, rows in first.items()
    }
    yield html.Raw(pareto(lost, "Minutes lost in a shift, by cause", "min"))


def _one_shift(first: Mapping[str, Sequence[Ledger]], plan: Plan) -> Iterator[str]:
    index = max(range(len(plan.seeds)), key=lambda k: reading.trouble(rows[k] for rows in first.values()))
    one = {name: rows[index] for name, rows in first.items()}
    yield html.heading("One shift")
    lanes = {name: reading.lane(ledger, plan.spec.unit) for name, ledger in one.items()}
    marks = {name: reading.visits(ledger) for name, ledger in one.items()}
    yield html.Raw(
        gantt(
            lanes,
            marks,
            f"Shift {plan.seeds[index]}, with the most trouble: what the machine did, and when people "
            "were there",
        )
    )
    chart = run_chart(one)
    if chart:
        yield html.Raw(chart)
    parts = reading.disturbed_parts(one)
    if parts:
        yield html.heading(f"The same disturbed blank, {parts[0]}, in each way of working", 3)
        yield html.lanes(
            [
                (
                    words(name),
                    [reading.told(event) for event in reading.part_story(ledger, parts[0])[:_STORY]],
                )
                for name, ledger in one.items()
            ]
        )


def run_chart(one: Mapping[str, Ledger]) -> str:
    """Return the sizes of parts in order of making, in shares of the tolerance; "" where there are none."""
    series: dict[str, tuple[list[float], list[float]]] = {}
    for name, ledger in one.items():
        found = reading.sizes(ledger)
        shares = [2.0 * (value - (low + high) / 2.0) / (high - low) for value, low, high in found]
        if shares:
            series[words(name)] = (list(map(float, range(1, len(shares) + 1))), shares)
    if not series:
        return ""
    n = float(max(len(x) for x, _ in series.values()))
    series["limits"] = ([1.0, n, n, 1.0, n], [1.0, 1.0, float("nan"), -1.0, -1.0])
    return line_chart_svg(series, "Sizes", "part", "true size error, share of tolerance")


def _people(first: Mapping[str, Sequence[Ledger]], result: Mapping[str, Any]) -> Iterator[str]:
    yield html.heading("People and mishaps")
    calls = {name: reading.interventions(rows) for name, rows in first.items()}
    per_shift = {name: {r: n / result["n_shifts"] for r, n in found.items()} for name, found in calls.items()}
    if any(per_shift.values()):
        yield html.Raw(pareto(per_shift, "Calls of a person in a shift, by reason", ""))
    also = result["also"]
    keys = [key for key in next(iter(also.values())) if not key.endswith("ci95")]
    yield html.table(
        ["", *map(words, also)],
        [[words(key), *(number(found[key]) for found in also.values())] for key in keys],
    )
    yield html.paragraph(
        "A mis-seat is undetected where the part was cut although its run-out or gap is beyond the "
        "limit. Hours attended "
        "are those at the cell; hours paid hold a share of what the operators' idle time costs.",
        "note",
    )
