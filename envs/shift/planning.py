"""Orders and changeovers: what is made next, and what it takes to begin."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

from envs.shift import draws
from envs.shift.decision import Value
from envs.shift.floor import Floor, Open
from envs.shift.kernel import Process, Signal
from envs.shift.orders import Order, OrderStream
from envs.shift.spec import PartType

# So many parts waiting for rework, and dispatch is asked.
REWORK_WAITS = 4
# So long before people leave for the night dispatch is asked once more.
EVENING_S = 1800.0
# What every changeover takes besides jaws (and the robot's fingers), whoever teaches the robot.
PHYSICAL = ("clear_chips", "tools", "refill_tray", "prove_out")


class Planning:
    """Orders, dispatch and changeovers.

    Args:
        floor: The shop floor.
        orders: The orders that come.
        rework: Begins reworking what waits.
        fresh_tools: A person sets fresh tools in all stations.
    """

    def __init__(
        self,
        floor: Floor,
        orders: OrderStream,
        rework: Callable[[], Process],
        fresh_tools: Callable[[], Process],
    ) -> None:
        self.floor, self.orders, self.rework, self.fresh_tools = floor, orders, rework, fresh_tools
        self.news = "start"
        self._asked_low = self._asked_rework = False

    # -- orders -----------------------------------------------------------------------------------------
    def arrivals(self) -> Process:
        """Orders come."""
        floor = self.floor
        while True:
            order = self.orders.next()
            if order.release_s == math.inf:
                return
            wait_s = order.release_s - floor.now_s
            if wait_s > 0.0:
                yield wait_s
            self.take(order, order.quantity)
            self.news = self.news or "order_released"
            floor.notify()

    def evenings(self) -> Process:
        """People leave and nobody comes after them: what still takes a person is asked for before."""
        floor, begins_s = self.floor, 0.0
        for block, after in pairwise(floor.spec.blocks):
            ends_s = begins_s + 3600.0 * block.hours
            if block.manned and not after.manned:
                yield max(ends_s - EVENING_S, begins_s) - floor.now_s
                self.news = "night_ahead"
                floor.notify()
                yield ends_s - floor.now_s
                if self.news == "night_ahead":  # too late: nobody would come
                    self.news = ""
            begins_s = ends_s

    def take(self, order: Order, left: int) -> None:
        """Put an order on the books."""
        floor = self.floor
        due_s = floor.books.at(order.due_s)
        floor.open.append(Open(order, left, due_s))
        floor.write(
            "order_released", order.name, quantity=left, due_s=due_s, part_type=order.type.name,
            planned_part_s=order.planned_s / order.quantity,
        )  # fmt: skip

    def _pending(self) -> list[Open]:
        return sorted((o for o in self.floor.open if o.left > 0), key=lambda o: (o.declined, o.due_s))

    def may_be_done(self) -> bool:
        """Whether the order in hand is done if what is being measured turns out good."""
        hand = self.floor.hand
        return hand is not None and 0 < hand.left <= self.floor.measured[hand.order.name]

    def next_event(self) -> str:
        """Return why dispatch has to be asked now, "" where it need not."""
        floor = self.floor
        if floor.hand is None or floor.hand.left <= 0:
            done = floor.hand is not None
            return ("order_done" if done else "start") if self._pending() else "no_order"
        if floor.blanks <= 0:
            return "starved"
        low = floor.blanks <= floor.spec.cell.blanks_low and not floor.refilling
        if low and not self._asked_low:
            self._asked_low = True
            return "blanks_low"
        self._asked_low = low
        waits = len(floor.rework) >= REWORK_WAITS and not floor.reworking
        if waits and not self._asked_rework:
            self._asked_rework = True
            return "rework_waits"
        self._asked_rework = waits
        news, self.news = self.news, ""
        return news

    def dispatch(self, event: str) -> Process:
        """Ask dispatch and do what it says."""
        floor = self.floor
        pending = self._pending()
        tools: list[str] = []
        if floor.hand is not None and floor.hand.left > 0 and floor.blanks > 0:
            tools.append("carry_on")
        if pending and (floor.hand is None or floor.hand.left <= 0 or len(pending) > 1):
            tools.append("start_order")
        if not floor.refilling and floor.blanks < floor.spec.cell.infeed_places:
            tools.append("refill_tray")
        if event == "night_ahead":
            tools.append("stock_up")
        if floor.rework and not floor.reworking:
            tools.append("rework_parts")
        if event == "starved":  # another order lacks the same blanks
            tools = [t for t in tools if t == "refill_tray"]
        tools.append("hold")
        now = floor.books.at(floor.now_s)
        listed = ";".join(
            f"{o.order.name}:{o.order.type.name}:{o.left}:{(o.due_s - now) / 60.0:.0f}" for o in pending
        )
        floor.words["order"] = tuple(o.order.name for o in pending)
        tool, values = yield from floor.decide(
            "dispatch", tuple(tools), event=event, open_orders=listed,
            tray_free=float(floor.spec.cell.infeed_places - floor.blanks),
        )  # fmt: skip
        if tool == "start_order":
            self._start(str(values["order"]), pending)
        elif tool == "refill_tray":
            floor.refilling = True
            floor.kernel.start(self._refill())
        elif tool == "stock_up":
            yield from self.fresh_tools()
            yield floor.work_s("refill_tray")
            floor.blanks = floor.spec.cell.infeed_places
            floor.leave()
        elif tool == "rework_parts":
            floor.reworking = True  # now: the process begins only when this one waits
            floor.kernel.start(self.rework())
        elif tool == "hold":
            signal = floor.changed
            floor.kernel.fire_in(60.0 * float(values["wait_min"]), signal)
            floor.leave()
            yield from floor.idle("order" if event == "no_order" else "blanks", signal)
            self._renew(signal)

    def _renew(self, signal: Signal) -> None:
        if self.floor.changed is signal:
            self.floor.changed = Signal()

    def _start(self, name: str, pending: list[Open]) -> None:
        floor = self.floor
        if floor.hand is not None:
            floor.write("job_end", floor.hand.order.name)
        floor.hand = next((o for o in pending if o.order.name == name), pending[0])
        floor.write("job_start", floor.hand.order.name, unit=floor.spec.unit)
        if self.news != "night_ahead":  # an order that begins does not answer that
            self.news = ""

    def close_done(self) -> None:
        """Close the order in hand if it is done and nothing else waits."""
        floor = self.floor
        if floor.hand is not None and floor.hand.left <= 0:
            floor.write("job_end", floor.hand.order.name)
            floor.hand = None

    def _refill(self) -> Process:
        floor = self.floor
        person = yield floor.pool.call()
        yield floor.work_s("refill_tray")
        floor.blanks = floor.spec.cell.infeed_places
        floor.gone(person)
        floor.refilling = False
        floor.notify()

    # -- changeovers ------------------------------------------------------------------------------------
    def known(self, part: PartType) -> str:
        """Return how much of a part type is programmed: one of `spec.KNOWN`."""
        if part.name in self.floor.programs:
            return "taught"
        return part.known if part.known != "taught" else "size"

    def changeover(self) -> Process:
        """Set the cell up for the part type of the order in hand."""
        floor = self.floor
        assert floor.hand is not None
        part, known = floor.hand.order.type, self.known(floor.hand.order.type)
        tools = ["recall_program"] if known == "taught" else ["teach"]
        if any(not s.needs_teaching for s in floor.handling.skills.values()):
            tools.append("generalise")
        tools.append("by_hand_only")
        others = [o for o in self._pending() if o is not floor.hand]
        if others and not floor.hand.declined:
            tools.append("decline_order")
        tool, values = yield from floor.decide(
            "changeover", tuple(tools), new_type=part.name,
            setup_type=floor.setup.name if floor.setup else None, known=known,
            teach_min=floor.spec.work.named(f"teach_{known}").usual_min,
        )  # fmt: skip
        if tool == "decline_order":
            floor.hand.declined += 1
            self._start(others[0].order.name, self._pending())
            return
        yield from self._set_up(part, tool, values, known)

    def _set_up(self, part: PartType, tool: str, values: dict[str, Value], known: str) -> Process:
        floor, cell = self.floor, self.floor.spec.cell
        floor.lathe_is("SETUP", "STOPPED")
        yield from floor.person("changeover")
        floor.write("changeover", None, part_type=part.name, how=tool)
        work = ["jaws_quick" if cell.quick_change else "jaws", *PHYSICAL]
        if tool != "by_hand_only":
            work.append("fingers")
        if tool in ("teach", "recall_program"):
            work.append(f"teach_{known}")
        if values["first_article"] == "yes":
            work.append("first_article")
        for kind in work:
            yield floor.work_s(kind)
        floor.setup = part
        floor.lathe.set_up(part)
        floor.blanks, floor.sister_tools = cell.infeed_places, cell.sister_tools
        floor.moved = frozenset()
        if values["first_article"] == "yes":
            floor.lathe.first_article()
        if tool in ("teach", "recall_program"):
            floor.programs.add(part.name)
            floor.families.add(part.family)
        if tool == "generalise":
            floor.trusted.add(part.name)
            floor.watched = float(values["watched_cycles"])
        # Who set it up stays until the first cut, if it is a person who loads.
        floor.lathe_is("PRODUCTION", "READY")


def handed_on(entry: Open, end_s: float) -> Order:
    """Return an order as the next run sees it: released at its beginning, due as much later."""
    order = entry.order
    return replace(order, release_s=0.0, due_s=max(60.0, entry.due_s - end_s))


def renamed(order: Order, number: int, seed: int) -> Order:
    """Return an order under a name that no order of the run has."""
    return replace(order, name=f"before-{draws.key(seed, 'before', number) & 0xFFFF:x}-{number}")
