"""How a supervisor gets out of faults and orders its work: expected costs over the tools at hand."""

from __future__ import annotations

from collections.abc import Iterable

from agents.beliefs import Chance
from agents.decider import Answer, Asked, OpenOrder, open_orders
from agents.economy import Economy

# How often each way out is held to work at first, and minutes that it takes the robot (estimates of the
# trade: what works in most cells most of the time).
_WORKS = {
    ("missed_grasp", "retry"): 0.7, ("missed_grasp", "skip_slot"): 0.95,
    ("declined", "skip_slot"): 0.95,
    ("dropped", "skip_slot"): 0.8, ("dropped", "retry"): 0.5,
    ("jammed", "reset_alarm"): 0.5, ("jammed", "retry"): 0.5,
    ("no_seat", "air_blow"): 0.7, ("no_seat", "reseat"): 0.6, ("no_seat", "reject_part"): 0.9,
    ("unload_failed", "retry"): 0.6, ("chip_nest", "air_blow"): 0.5,
    ("tool_broken", "swap_broken_tool"): 0.95, ("size_reject", "go_on"): 0.9,
    ("machine_alarm", "reset_alarm"): 0.3, ("robot_alarm", "reset_alarm"): 0.4,
    ("sensor_alarm", "reset_alarm"): 0.7, ("sensor_alarm", "go_on"): 0.5,
    ("misplaced", "rezero_robot"): 0.8,
}  # fmt: skip
_TAKES_MIN = {
    "retry": 0.3, "air_blow": 0.4, "reseat": 0.5, "skip_slot": 0.1, "reject_part": 0.2,
    "reset_alarm": 0.2, "rezero_robot": 2.0, "swap_broken_tool": 0.2, "go_on": 0.0,
}  # fmt: skip
# What a person does about a fault.
_WORK = {
    "jammed": "clear_jam", "dropped": "clear_jam", "chip_nest": "chip_nest", "misplaced": "rezero",
    "machine_alarm": "diagnosis", "robot_alarm": "reset", "tool_broken": "index_edge",
}  # fmt: skip


class Recovery:
    """Beliefs about the ways out of faults, learned from what came of them.

    Args:
        economy: Prices and times.
        trust: How many trials the first beliefs count for.
    """

    def __init__(self, economy: Economy, trust: float) -> None:
        self._economy, self._trust = economy, trust
        self._chances: dict[tuple[str, str, int], Chance] = {}
        self._tried: tuple[str, str, int] | None = None

    @property
    def usual_eur(self) -> float:
        """What a failed handling costs on average."""
        return self._economy.machine_eur(0.5) + 0.3 * self._economy.person_eur(3.0)

    def learn(self, asked: Asked) -> None:
        """Take in whether the last way out worked: the same fault again, a further attempt, says no."""
        if self._tried is None:
            return
        fault, tool, attempt = self._tried
        again = asked.role == "fault_handling" and asked.text("fault") == fault
        failed = again and asked.number("attempts") > attempt
        key = (fault, tool, min(attempt, 2))
        self._chances[key] = self._chance(*key).seen(not failed)
        self._tried = None

    def forget(self) -> None:
        """Take back the last way out: it was not taken."""
        self._tried = None

    def _chance(self, fault: str, tool: str, attempt: int) -> Chance:
        # What failed before is less likely to work the next time.
        first = _WORKS.get((fault, tool), 0.4) * 0.7**attempt
        return self._chances.get((fault, tool, attempt), Chance.prior(first, self._trust))

    def choose(self, asked: Asked) -> Answer:
        """Return the way out whose expected cost is least: its time, and a person where it does not work."""
        money, fault = self._economy, asked.text("fault")
        attempt = max(0, min(int(asked.number("attempts")), 2))
        waiting = asked.number("calls_waiting") * 4.0
        person = money.person_eur(money.minutes(_WORK.get(fault, "reset"))) + money.machine_eur(waiting)
        eur: dict[str, float] = {}
        for tool in asked.tools:
            if tool == "call_person":
                eur[tool] = person
            elif (fault, tool) in _WORKS:
                lost = {"reject_part": money.remake_eur, "skip_slot": money.sorted_out_eur}.get(tool, 0.0)
                risk = 1.0 - self._chance(fault, tool, attempt).mean
                eur[tool] = money.machine_eur(_TAKES_MIN.get(tool, 0.5)) + lost + risk * person
        if not eur:
            return asked.first(f"{fault}: no way out is known", "call_person")
        best = min(eur, key=lambda tool: (eur[tool], tool))
        if best != "call_person":
            self._tried = (fault, best, attempt)
        told = ", ".join(
            f"{tool} {value:.2f}" for tool, value in sorted(eur.items(), key=lambda item: item[1])
        )
        return asked.first(f"{fault}, attempt {attempt + 1}: EUR {told}", best)


class Orders:
    """Which order next, when to refill, whether rework pays.

    Args:
        economy: Prices and times.
        late_eur_per_h: What an hour of lateness costs.
    """

    def __init__(self, economy: Economy, late_eur_per_h: float) -> None:
        self._economy, self._late_eur_per_h = economy, late_eur_per_h
        self._type = ""

    def choose(self, asked: Asked) -> Answer:
        """Answer a dispatch decision."""
        money, event = self._economy, asked.text("event")
        if event == "night_ahead":
            told = f"{asked.number('sister_tools'):.0f} sister tools, {asked.number('blanks'):.0f} blanks"
            return asked.first(f"{told} for hours with nobody about: have them filled up", "stock_up")
        if event in ("blanks_low", "starved") and "refill_tray" in asked.tools:
            return asked.first(
                f"{asked.number('blanks'):.0f} blanks left: ask before it starves", "refill_tray"
            )
        waiting = asked.number("rework")
        if event in ("rework_waits", "no_order") and waiting > 0 and "rework_parts" in asked.tools:
            cost = money.person_eur(money.minutes("rework_part") * waiting)
            worth = waiting * money.remake_eur
            if worth > cost:
                return asked.first(
                    f"rework of {waiting:.0f} is worth {worth:.2f}, costs {cost:.2f} EUR", "rework_parts"
                )
        orders = open_orders(asked)
        if "start_order" in asked.tools and orders:
            return self._order(asked, orders)
        return asked.first("nothing better to do", "carry_on", "hold")

    def _order(self, asked: Asked, orders: list[OpenOrder]) -> Answer:
        """Begin the order with which lateness and setting up together cost least."""
        self._type = asked.text("part_type") or self._type
        now = self._type
        eur = {order.name: self._cost(order, orders, now) for order in orders}
        best = min(eur, key=lambda name: (eur[name], name))
        current = asked.text("order")
        stay = eur.get(current)
        if stay is not None and "carry_on" in asked.tools and stay <= eur[best] + 1.0:
            return asked.first(f"{current} costs {stay:.2f}, the best other {eur[best]:.2f} EUR", "carry_on")
        told = ", ".join(f"{name} {value:.1f}" for name, value in sorted(eur.items(), key=lambda i: i[1])[:3])
        return asked.first(f"lateness and setting up, EUR: {told}", "start_order", order=best)

    def _cost(self, first: OpenOrder, orders: Iterable[OpenOrder], part_type: str) -> float:
        """What is late and set up if an order goes first and the others follow as they are due."""
        money, clock, total, kind = self._economy, 0.0, 0.0, part_type
        others = sorted((o for o in orders if o.name != first.name), key=lambda o: (o.due_min, o.name))
        for order in [first, *others]:
            if order.part_type != kind:
                clock += money.setup_min
                total += money.person_eur(money.setup_min)
                kind = order.part_type
            clock += order.left * money.part_min(order.part_type)
            total += max(0.0, clock - order.due_min) / 60.0 * self._late_eur_per_h
        return total
