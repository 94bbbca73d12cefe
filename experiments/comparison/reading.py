"""What ledgers of shifts tell besides totals: lanes of time, losses by cause, calls, decisions, sizes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from envs.ledger import EXECUTION, MODE, Event, Ledger
from experiments.comparison.charts import Bar
from experiments.totals import Totals

_SETUP = frozenset({"SETUP", "TEARDOWN", "PROCESS_DEVELOPMENT"})


@dataclass
class _Now:
    """What the machine is doing, as events tell."""

    mode: str = "PRODUCTION"
    execution: str = "READY"
    planned: bool = False
    broken: bool = False
    on_shift: bool = True
    jobs: int = 0
    has_jobs: bool = False
    tool: str = ""
    reason: str = ""
    fault: str = ""

    def see(self, event: Event, unit: str) -> None:
        """Take in an event."""
        kind = event.kind
        if kind == "job_start" and event.data.get("unit", unit) == unit:
            self.jobs += 1
        elif kind == "job_end":
            self.jobs -= 1
        elif kind == "decision":
            self._decided(event)
        if event.subject != unit:
            return
        if kind in EXECUTION:
            self.execution = kind
        elif kind in MODE:
            self.mode, self.planned = kind, bool(event.data.get("planned", False))
        elif kind in ("shift_start", "shift_end"):
            self.on_shift = kind == "shift_start"
        elif kind in ("breakdown", "repair"):
            self.broken = kind == "breakdown"
        elif kind == "cycle_start":
            self.fault = ""

    def _decided(self, event: Event) -> None:
        saw = event.data.get("saw", {})
        if event.subject == "fault_handling":
            self.fault = str(saw.get("fault", ""))
        elif event.subject == "machining" and event.data["tool"] != "cut":
            self.tool, self.reason = str(event.data["tool"]), str(saw.get("reason", ""))

    def state(self) -> tuple[str, str]:
        """Return the state of `charts.STATE_COLOURS`, and the cause if time is lost in it."""
        if self.broken or self.mode == "MAINTENANCE":
            return "repair", "repair"
        if self.planned:
            return "break", "planned down"
        if self.mode in _SETUP:
            return "setting up", "setting up"
        if self.has_jobs and not self.jobs:
            return "no order", "no order"
        if self.execution == "ACTIVE":
            return "cutting", ""
        if self.execution == "WAIT":
            state = "standby" if self.tool == "standby" else "waiting"
            return state, f"wait for {self.reason}" if self.reason else "waiting"
        if self.execution == "READY":
            return "loading", f"recovery: {self.fault}" if self.fault else "loading and unloading"
        return "stopped", f"stopped: {self.fault}" if self.fault else "stopped"


def lane(ledger: Ledger, unit: str) -> list[Bar]:
    """Return what the machine did, stretch by stretch; `hint` is the cause where time was lost."""
    now, bars = _Now(), list[Bar]()
    now.has_jobs = any(e.kind == "job_start" and e.data.get("unit", unit) == unit for e in ledger)
    now.on_shift = not any(e.kind == "shift_start" and e.subject == unit for e in ledger)
    since = ledger[0].time_s if len(ledger) else 0.0
    for event in ledger:
        if event.time_s > since:
            if now.on_shift:
                bars.append(Bar(since, event.time_s, *now.state()))
            since = event.time_s
        now.see(event, unit)
    return list(_merged(bars))


def _merged(bars: Iterable[Bar]) -> Iterator[Bar]:
    """Join stretches that follow each other in one state for one cause."""
    last: Bar | None = None
    for bar in bars:
        if last and (last.end_s, last.state, last.hint) == (bar.start_s, bar.state, bar.hint):
            last = Bar(last.start_s, bar.end_s, bar.state, bar.hint)
            continue
        if last:
            yield last
        last = bar
    if last:
        yield last


def visits(ledger: Ledger) -> list[Bar]:
    """Return when people were at the cell."""
    return [
        Bar(max(0.0, e.time_s - e.data["duration_s"]), e.time_s, "a person", e.subject)
        for e in ledger.select("attended")
    ]


def losses_min(ledgers: Iterable[Ledger], unit: str) -> dict[str, float]:
    """Return minutes lost by cause, over all ledgers."""
    lost: defaultdict[str, float] = defaultdict(float)
    for ledger in ledgers:
        for bar in lane(ledger, unit):
            if bar.hint:
                lost[bar.hint] += (bar.end_s - bar.start_s) / 60.0
    return dict(lost)


def waterfall_min(sums: Totals) -> list[tuple[str, float]]:
    """Return planned time going down loss by loss to what made good parts, in minutes.

    Parts made faster than planned are a negative loss of speed.
    """
    t = sums.times
    steps = [
        ("scheduled", t.pot_s), ("planned down", t.planned_down_s), ("no order", t.adot_s),
        ("setting up", t.aust_s), ("delays", t.adet_s), ("speed", t.apt_s - sums.planned_all_s),
        ("quality", sums.planned_all_s - sums.planned_good_s), ("good parts", sums.planned_good_s),
    ]  # fmt: skip
    return [(name, seconds / 60.0) for name, seconds in steps]


def interventions(ledgers: Iterable[Ledger]) -> dict[str, float]:
    """Return how often a person had to come, by reason."""
    found: Counter[str] = Counter()
    for ledger in ledgers:
        found.update(str(e.data.get("reason", "unknown")) for e in ledger.select("intervention"))
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def sizes(ledger: Ledger) -> list[tuple[float, float, float]]:
    """Return (value, lower, upper) of the first size of every part, in order of making."""
    found: dict[str, tuple[float, float, float]] = {}
    for event in ledger.select("characteristic"):
        data = event.data
        size = str(data["name"]).startswith("size") and data.get("lower") is not None
        if size and data.get("upper") is not None:
            found.setdefault(event.subject, (data["value"], data["lower"], data["upper"]))
    return list(found.values())


def part_story(ledger: Ledger, part: str) -> list[Event]:
    """Return decisions and what happened from a part's arrival to its verdict."""
    story: list[Event] = []
    inside = False
    for event in ledger:
        if event.subject == part and event.kind in ("part_arrived", "part_grasped", "part_loaded"):
            inside = True
        if inside and (event.kind in ("decision", "alarm", "intervention", "retry") or event.subject == part):
            story.append(event)
        if event.subject == part and event.kind in ("part_good", "part_scrap", "part_shipped"):
            break
    return story


def told(event: Event) -> str:
    """Return an event in words: "rule fired", or "perceived, judged, acted"."""
    if event.kind != "decision":
        more = ", ".join(f"{k} {_short(v)}" for k, v in event.data.items() if v not in (None, ""))
        return f"{event.kind.replace('_', ' ')} {event.subject}" + (f" ({more})" if more else "")
    data: Mapping[str, object] = event.data
    values = data.get("values") or {}
    set_to = ", ".join(f"{k} {_short(v)}" for k, v in values.items()) if isinstance(values, Mapping) else ""
    why = str(data.get("why", ""))
    acted = f"{data['tool']}{f' ({set_to})' if set_to else ''}"
    if why.startswith(("rule:", "basic rule:", "machinist:", "refused")):
        return f"{event.subject}: {why} -> {acted}"
    saw = data.get("saw") or {}
    seen = ", ".join(f"{k} {_short(v)}" for k, v in saw.items()) if isinstance(saw, Mapping) else ""
    return f"{event.subject}: perceived {seen or 'nothing unusual'}; judged {why}; acted {acted}"


def trouble(ledgers: Iterable[Ledger]) -> int:
    """Return how often fault handling was asked in ledgers of one shift: the least, so that all have some."""
    return min(sum(e.subject == "fault_handling" for e in one.select("decision")) for one in ledgers)


def disturbed_parts(ledgers: Mapping[str, Ledger]) -> list[str]:
    """Return the parts that all ledgers have, those with the most trouble first."""
    trouble: Counter[str] = Counter()
    common: set[str] | None = None
    for ledger in ledgers.values():
        here: set[str] = set()
        current = ""
        for event in ledger:
            if event.subject.startswith("part-"):
                current = event.subject
                here.add(current)
            if event.kind in ("alarm", "retry") or (
                event.kind == "decision" and event.subject == "fault_handling"
            ):
                trouble[current] += 1
        common = here if common is None else common & here
    return sorted(common or (), key=lambda part: (-trouble[part], part))


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def part_counts_now(ledger: Ledger, unit: str, now_s: float) -> tuple[str, int, int, float]:
    """Return the machine's state, good and scrapped parts, and OEE so far (planned time of good parts)."""
    states = lane(ledger, unit)
    planned = {e.subject: e.data.get("planned_part_s", 0.0) for e in ledger.select("part_arrived")}
    good = {e.subject for e in ledger.select("part_good")}
    done_s = sum(planned.get(part, 0.0) for part in good)
    oee = done_s / now_s if now_s > 0 else 0.0
    return (states[-1].state if states else "ready"), len(good), ledger.count("part_scrap"), oee
