"""A shift from beginning to end: `Shift(spec, seed, handling).run(crew)` returns its ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from configs.records import unknown
from envs.ledger import Ledger
from envs.prices import load_prices, load_region
from envs.shift import draws
from envs.shift.crew import First
from envs.shift.decision import ROLES, TOOLS, Choice, Decider, Decision
from envs.shift.floor import Floor, Part
from envs.shift.handling import Handling
from envs.shift.kernel import Process, Steps
from envs.shift.mending import Mending
from envs.shift.orders import OrderStream, planned_part_s, process_of
from envs.shift.parts import Parts
from envs.shift.planning import Planning, handed_on, renamed
from envs.shift.sorting import Sorting
from envs.shift.spec import ShiftSpec
from envs.shift.state import MOST_ORDERS, Left, ShiftState, fresh_state
from envs.shift.upkeep import Upkeep

Crew = Mapping[str, Decider]
# Numbers of parts that were handed on waiting for rework.
_CARRIED = 1_000_000


class Shift:
    """One cell, worked through the blocks of a spec.

    Args:
        spec: What the shift is made of.
        seed: All that falls by chance follows from it.
        handling: How parts get into the machine and out.
        state: What was left from before; a cell just set up if not given.
    """

    def __init__(
        self, spec: ShiftSpec, seed: int, handling: Handling, state: ShiftState | None = None
    ) -> None:
        self.spec, self.seed, self.handling = spec, seed, handling
        self.begun = state or fresh_state(spec)
        self._floor: Floor | None = None
        self._ended: ShiftState | None = None

    def run(self, crew: Crew | None = None) -> Ledger:
        """Work through it with a crew; a role that nobody fills takes the first allowed tool.

        Raises:
            ValueError: for an unknown role.
        """
        crew = crew or {}
        for role in crew:
            if role not in ROLES:
                raise unknown("role", role, ROLES)
        first = First()
        for number, (role, decider) in enumerate(sorted(crew.items())):
            decider.reset({**self.facts(), "role": role}, draws.key(self.seed, "crew", number) >> 33)
        steps = self.steps()
        try:
            decision = next(steps)
            while True:
                decision = steps.send(crew.get(decision.role, first).decide(decision))
        except StopIteration:
            return self.ledger

    @property
    def ledger(self) -> Ledger:
        """The ledger so far."""
        if self._floor is None:
            raise RuntimeError("the shift has not begun: call run() or steps() first")
        return self._floor.books.ledger

    @property
    def state(self) -> ShiftState:
        """What it leaves to the next shift.

        Raises:
            RuntimeError: before its end.
        """
        if self._ended is None:
            raise RuntimeError("the shift is not over: call run() first")
        return self._ended

    @property
    def floor(self) -> Floor:
        """The shop floor with all that is hidden, for tests and pictures."""
        if self._floor is None:
            raise RuntimeError("the shift has not begun: call run() or steps() first")
        return self._floor

    def facts(self) -> dict[str, Any]:
        """What deciders are told beforehand."""
        spec = self.spec
        prices, region = load_prices(spec.prices), load_region(spec.region)
        money = {f.name: getattr(prices, f.name) for f in fields(prices)}
        money |= {
            "labour_eur_per_h": region.labour_eur_per_h,
            "electricity_eur_per_kwh": region.electricity_eur_per_kwh,
            "backlog_eur": spec.orders.backlog_eur,
        }
        return {
            "tools": TOOLS,
            "skills": tuple(self.handling.skills),
            "needs_teaching": {s.name: s.needs_teaching for s in self.handling.skills.values()},
            "process": {
                t.name: {
                    "tolerance_um": t.tolerance_um, "ra_limit_um": t.ra_limit_um,
                    "edge_life_min": process_of(t).tool.edge_life_min, "planned_s": planned_part_s(t),
                    "warm_up_min": process_of(t).times.warm_up_min,
                }
                for t in spec.orders.types
            },
            "times_min": spec.work.usual_min, "hours": spec.hours, "operators": spec.people.operators,
            "machines_per_operator": spec.people.machines_per_operator, "prices": money,
            "infeed_places": spec.cell.infeed_places, "sister_tools": spec.cell.sister_tools,
        }  # fmt: skip

    # -- running ----------------------------------------------------------------------------------------
    def steps(self) -> Steps:
        """Run, handing out decisions and taking choices; `run` drives it with a crew."""
        floor = self._floor = Floor(self.spec, self.seed, self.handling, self.begun)
        orders = OrderStream(self.spec, floor.disturbed, first=self.begun.heat.state is None)
        sorting, upkeep = Sorting(floor), Upkeep(floor)
        mending = Mending(floor, upkeep, lambda part: sorting.judge(part, "scrap"))
        parts = Parts(floor, mending, upkeep, sorting)
        planning = Planning(floor, orders, sorting.rework, upkeep.fresh_tools)
        self._begin(planning, sorting)
        floor.kernel.start(planning.arrivals())
        floor.kernel.start(planning.evenings())
        floor.kernel.start(self._work(planning, parts))
        end_s = 0.0
        for number, block in enumerate(self.spec.blocks):
            if number:
                floor.write("shift_start", self.spec.unit)
            floor.pool.begin(block.manned)
            end_s += 3600.0 * block.hours
            floor.block_end_s = end_s
            yield from floor.kernel.run(end_s)
            self._settle(manned=block.manned)
            floor.write("shift_end", self.spec.unit)
            last = number == len(self.spec.blocks) - 1
            if block.gap_h and not last:
                floor.books.now_s = end_s
                floor.books.rest(3600.0 * block.gap_h)
        self._end(planning)

    def _begin(self, planning: Planning, sorting: Sorting) -> None:
        floor, spec, state = self.floor, self.spec, self.begun
        kind = state.setup or spec.orders.types[0]
        floor.setup = kind
        floor.lathe.set_up(kind, keep=state.heat.state is not None)
        floor.write("shift_start", spec.unit)
        floor.lathe_is("PRODUCTION", "READY")
        floor.write("READY", "robot")
        floor.books.power("robot", spec.cell.robot_w)
        floor.books.power("cameras", spec.cell.cameras_w)
        floor.books.power("computer", max((s.computer_w for s in self.handling.skills.values()), default=0.0))
        floor.write("tool_wear", "edge", life_share=-floor.lathe.edge_used)
        for number, left in enumerate(state.orders):
            planning.take(renamed(left.order, number, self.seed), left.left)
        for number in range(state.rework):
            part = Part(_CARRIED + number, kind, "before")
            sorting.arrive(part)
            floor.write("part_rework", part.name, order=part.order)
            floor.rework.append(part)
        self._late_before = self._late()

    def _work(self, planning: Planning, parts: Parts) -> Process:
        """The cell's own sequence, for ever."""
        floor = self.floor
        while True:
            if planning.may_be_done():  # one too many would be made before the last is judged
                signal = floor.changed
                floor.leave()
                yield signal
                continue
            event = planning.next_event()
            if event:
                if event == "no_order":
                    planning.close_done()
                yield from planning.dispatch(event)
                continue
            assert floor.hand is not None
            if floor.setup != floor.hand.order.type:
                yield from planning.changeover()
                continue
            part = yield from parts.load()
            if part is None:
                continue
            yield from parts.cut(part)
            yield from parts.unload(part)

    def _settle(self, *, manned: bool) -> None:
        """Write down what people were here for and are paid."""
        floor = self.floor
        for person, untold_s, paid_s in floor.pool.end():
            if untold_s > 0.0:
                floor.write("attended", person.name, duration_s=untold_s)
            floor.write("paid", person.name, duration_s=paid_s)

    def _calls(self) -> tuple[float, float]:
        """This cell's calls an hour while it did not wait for anybody, and minutes of a call."""
        floor = self.floor
        spent_s = [e.data["duration_s"] for e in self.ledger.select("attended") if e.subject != "technician"]
        n, mean_min = floor.waits.get("person", (0, 0.0))
        hours = max(0.1, floor.now_s / 3600.0 - n * mean_min / 60.0)
        return (len(spent_s) / hours, sum(spent_s) / 60.0 / len(spent_s)) if spent_s else (0.0, 0.0)

    def _late(self) -> int:
        """Parts that are due and not made."""
        floor = self.floor
        now = floor.books.at(floor.now_s)
        return sum(max(0, o.left) for o in floor.open if o.due_s <= now)

    def _end(self, planning: Planning) -> None:
        floor, spec = self.floor, self.spec
        floor.write("tool_wear", "edge", life_share=floor.lathe.edge_used)
        backlog = max(0, self._late() - self._late_before)
        if backlog and spec.orders.backlog_eur:
            floor.write("expense", "backlog", amount_eur=backlog * spec.orders.backlog_eur, parts=backlog)
        end = floor.books.at(floor.now_s)
        pending = sorted((o for o in floor.open if o.left > 0), key=lambda o: (o is not floor.hand, o.due_s))
        hourly = tuple(s / 3600.0 for s in floor.until_s)
        self._ended = ShiftState(
            heat=floor.lathe.kept, setup=floor.setup, programs=frozenset(floor.programs),
            families=frozenset(floor.families), trusted=frozenset(floor.trusted), blanks=floor.blanks,
            sister_tools=floor.sister_tools, rework=len(floor.rework),
            orders=tuple(Left(handed_on(o, end), o.left) for o in pending[:MOST_ORDERS]),
            moved=floor.moved, until_failure_h=(hourly[0], hourly[1], hourly[2]), others=self._calls(),
        )  # fmt: skip


def planned_run_s(ledger: Ledger) -> dict[str, float]:
    """Return the planned run time of each part type in a ledger, for `experiments.totals.Setting`."""
    events = (*ledger.select("order_released"), *ledger.select("part_arrived"))
    return {e.data["part_type"]: e.data["planned_part_s"] for e in events}


def warm_states(
    spec: ShiftSpec, handling: Handling, crew: Crew | None, *, seed: int, shifts: int = 5, keep: int = 3
) -> tuple[ShiftState, ...]:
    """Return what the last shifts of a long run leave, to start paired shifts from.

    Args:
        spec: The shift.
        handling: How parts get into the machine and out.
        crew: Who decides.
        seed: Of the long run; the same for every mode that is compared.
        shifts: Length of the run.
        keep: So many of its last states are returned.
    """
    state: ShiftState | None = None
    states = []
    for number in range(shifts):
        shift = Shift(spec, draws.key(seed, "warm", number) >> 1, handling, state)
        shift.run(crew)
        state = shift.state
        states.append(state)
    return tuple(states[-keep:])


def drawn_state(states: tuple[ShiftState, ...], seed: int) -> ShiftState:
    """Return the warmed-up state that a seed begins with; the number is the same for every mode."""
    return states[draws.key(seed, "warmed up") % len(states)]


__all__ = ["Choice", "Crew", "Decision", "Shift", "drawn_state", "planned_run_s", "warm_states"]
