"""The supervisor of an autonomous cell: it perceives, judges what each action is worth in euros, and acts.

It has the tools that people have, a person's call among them. It keeps beliefs about the size, the edge, the
ways out of each fault and how long waits take; they are begun by what is known beforehand and learned from
what came of its actions. Every answer says what was seen and which values were compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from agents.beliefs import Average, Size, beyond, failing
from agents.decider import Answer, Asked, Decider
from agents.economy import Economy
from agents.supervisor_cell import Orders, Recovery

# The largest correction of the offset before a cut, and how roughness scatters from part to part, as a share
# of what is allowed.
LARGEST_UM, RA_SCATTER = 30.0, 0.06
# What the view calls a part type that looks like nothing that was programmed or shown before.
NOVEL = ("geometry", "family")
# A part is gauged while the next one is cut: readings are so many cuts behind.
LAG = 2


@dataclass(frozen=True)
class SupervisorHyper:
    """What the supervisor begins with; tuned on validation shifts.

    Attributes:
        speed: Cutting speed as an action.
        feed: Feed as an action.
        depth: Depth as an action.
        um_per_k: How much the part grows too small per K of the spindle.
        um_per_ambient_k: And of the shop.
        um_per_edge_min: And too large per minute that the edge cuts.
        part_um: Scatter of the size from part to part.
        gauge_um: Of the gauge.
        drift_um: Unknown drift from part to part.
        setting_um: Scatter of a new edge's setting.
        setup_um: Scatter of the size after a changeover without a check of the first part.
        checked_um: And after one.
        guard_um: Limits are drawn in by so much when sorting.
        edge_min: Usual life of an edge.
        worn: Wear at which an edge's failure is as likely as not.
        worn_width: How sharp that is.
        shaking_mm_s: Vibration at which the cut is made gentler.
        trust: How many trials the knowledge of a fault's ways out counts for.
        late_eur_per_h: What an hour of lateness of an order is held to cost.
        cell_eur_per_h: What the cell costs an hour on top of the machine.
        watched_cycles: Cycles that a person watches of a part type that is new.
        novel_failures: Share of handlings that are held to fail with a geometry that nobody has taught.
    """

    speed: float = -0.3
    feed: float = -0.1
    depth: float = 0.5
    um_per_k: float = 0.5
    um_per_ambient_k: float = 3.0
    um_per_edge_min: float = 1.0
    part_um: float = 2.5
    gauge_um: float = 0.8
    drift_um: float = 2.5
    setting_um: float = 6.0
    setup_um: float = 15.0
    checked_um: float = 10.0
    guard_um: float = 1.5
    edge_min: float = 30.0
    worn: float = 1.1
    worn_width: float = 0.06
    shaking_mm_s: float = 3.5
    trust: float = 6.0
    late_eur_per_h: float = 20.0
    cell_eur_per_h: float = 15.0
    watched_cycles: float = 75.0
    novel_failures: float = 0.3


class Supervisor(Decider):
    """Perceives, judges, acts; fills any role."""

    hyper_class: ClassVar[type] = SupervisorHyper

    def __init__(self, hyper: SupervisorHyper = SupervisorHyper()) -> None:
        self.hyper = hyper

    def reset(self, facts: Mapping[str, Any], seed: int) -> None:
        """Begin a shift with the beliefs that are known beforehand."""
        super().reset(facts, seed)
        h = self.hyper
        self.economy = Economy.of(facts, h.cell_eur_per_h)
        self.recovery = Recovery(self.economy, h.trust)
        self.orders = Orders(self.economy, h.late_eur_per_h)
        self.size = Size(0.0, h.setup_um**2)
        self.answers_min = Average(self.economy.answer_min * 3.0, 3.0)
        self._was: dict[str, float] = {}
        self.wear_um_min = Average(3.0 * h.um_per_edge_min, 3.0)
        self._set_up = False
        # Cuts of this edge; when it came: what was believed, minutes of the old edge; corrections since.
        self._cuts, self._before = 0, (0.0, 0.0)
        self._corrected_um = 0.0

    def decide(self, decision: Any) -> Answer:
        """Return an answer; what came of the last recovery is learned first."""
        asked = Asked(decision.time_s, decision.role, tuple(decision.tools), decision.view)
        self.recovery.learn(asked)
        return super().decide(decision)

    def overruled(self) -> None:
        """Somebody else decided: what comes of it says nothing about the last answer."""
        self.recovery.forget()

    # -- handling -------------------------------------------------------------------------------------
    def loading(self, asked: Asked) -> Answer:
        """By the robot, unless it fails so often that a person is cheaper."""
        robot = next((t for t in asked.tools if t in ("load", "unload")), None)
        hand = next((t for t in asked.tools if t.endswith("_by_hand")), None)
        fails = asked.number("failure_share")
        person_eur = self.economy.person_eur(self.economy.minutes("load_by_hand"))
        robot_eur = self.economy.machine_eur(0.5) + fails * self.recovery.usual_eur
        why = f"failures {fails:.0%}: robot {robot_eur:.2f} EUR, person {person_eur:.2f} EUR"
        if hand is not None and (robot is None or (robot_eur > person_eur and fails > 0.5)):
            return asked.first(why, hand)
        return asked.first(why, robot or asked.tools[0])

    def fault_handling(self, asked: Asked) -> Answer:
        """The way out whose expected cost is least."""
        return self.recovery.choose(asked)

    # -- cutting --------------------------------------------------------------------------------------
    def machining(self, asked: Asked) -> Answer:
        """Cut with the offset that the belief about the size asks for; wait in the cheapest state."""
        if "cut" not in asked.tools:
            return self._wait(asked)
        h = self.hyper
        self._perceive(asked)
        shaking = asked.number("vibration_mm_s") > h.shaking_mm_s
        correction = max(-LARGEST_UM, min(LARGEST_UM, -self.size.mean_um))
        self.size = self.size.moved(correction)
        self._cuts += 1
        self._corrected_um += correction
        spread = self.size.variance_um2**0.5
        values: dict[str, float | str] = {
            "speed": h.speed, "feed": h.feed, "depth": max(-1.0, h.depth - 0.4) if shaking else h.depth,
            "correction_um": correction, "coolant": "flood",
        }  # fmt: skip
        risk = self.size.out(self.economy.tolerance_um(asked.text("part_type")), h.part_um)
        why = f"size {-correction:+.1f} +- {spread:.1f} um: offset {correction:+.1f} um, {risk:.1%} out"
        return Answer("cut", values, why + (", shaking: gentler" if shaking else ""))

    def _perceive(self, asked: Asked) -> None:
        """Bring the belief about the size up to now: heat, wear, a new edge, a reading."""
        h = self.hyper
        keys = ("spindle_c", "ambient_c", "edge_min", "reading_um", "corrected_um", "offset_um")
        now = {key: asked.number(key) for key in keys}
        if now == self._was and not self._set_up:
            return  # asked again before the same cut
        was = self._was or now
        warmer = h.um_per_k * (now["spindle_c"] - was["spindle_c"])
        warmer += h.um_per_ambient_k * (now["ambient_c"] - was["ambient_c"])
        wear = self.wear_um_min.mean
        if self._set_up:
            # What was compensated before is there again; the part type's own error is new.
            self.size = self.size.moved(now["offset_um"] - was["offset_um"])
            self._set_up, self._before = False, (0.0, 0.0)
        elif now["edge_min"] < was["edge_min"]:
            # The wear goes with the edge.
            self._before, self._cuts, self._corrected_um = (self.size.mean_um, was["edge_min"]), 0, 0.0
            self.size = self.size.moved(-wear * was["edge_min"] - warmer, h.setting_um**2)
        else:
            worn = wear * (now["edge_min"] - was["edge_min"])
            self.size = self.size.moved(worn - warmer, h.drift_um**2)
        if asked.number("has_reading") > 0 and asked.number("parts_since_reading") < 1 and self._cuts >= LAG:
            # The reading is of the part as cut; corrections since then are there besides.
            self._read(asked.number("reading_um") + asked.number("corrected_um"))
        self._was = now

    def _read(self, level_um: float) -> None:
        """Take in where a reading says that the size stands now."""
        h = self.hyper
        before_um, edge_min = self._before
        if edge_min > 3.0:  # what the change of the edge did tells how it had worn
            jump_um = level_um - self._corrected_um - before_um
            self.wear_um_min = self.wear_um_min.seen(max(0.0, min(6.0, -jump_um / edge_min)))
        self._before = (0.0, 0.0)
        self.size = self.size.read(level_um, (h.part_um**2 + h.gauge_um**2) ** 0.5)

    def _wait(self, asked: Asked) -> Answer:
        """Standby where what it saves is more than what waking up costs."""
        minutes = asked.number("expected_min", self.answers_min.mean)
        if asked.text("reason") == "person":
            minutes = max(minutes, self._answer_min(asked))
        saved, waking = self.economy.standby_saves_eur(minutes), self.economy.waking_eur
        what = f"wait for {asked.text('reason')} about {minutes:.1f} min"
        why = f"{what}: standby saves {saved:.3f}, waking costs {waking:.3f} EUR"
        return asked.first(why, "standby" if saved > waking else "stay_ready", "stay_ready")

    def _answer_min(self, asked: Asked) -> float:
        """How long a call will wait: as it did so far; with nobody about, until the next shift."""
        alone = asked.number("operators", 1.0) < 1.0
        return max(0.0, 60.0 * asked.number("left_h")) if alone else self.answers_min.mean

    # -- edges and measuring --------------------------------------------------------------------------
    def tool_care(self, asked: Asked) -> Answer:
        """Change an edge when keeping it is expected to cost more."""
        h, money = self.hyper, self.economy
        # Beyond one correction and most of the tolerance, wear spoils parts when the next edge comes.
        most = LARGEST_UM + 0.75 * money.tolerance_um(asked.text("part_type"))
        edge_min = asked.number("edge_min")
        gone_um = self.wear_um_min.mean * edge_min
        worn = max(edge_min / h.edge_min, asked.number("acoustic"), gone_um / most)
        chance = failing(worn, h.worn, h.worn_width)
        # Until the second part of an edge is cut, the last reading is of the edge before.
        known = self._cuts >= LAG
        rough = beyond((1.0 - asked.number("ra_share")) / RA_SCATTER) if known else 0.0
        keep = chance * money.failed_edge_eur + rough * money.escape_eur
        sister = "sister_tool" in asked.tools
        minutes = money.sister_min if sister else money.minutes("index_edge") + self._answer_min(asked)
        left = max(0.0, 1.0 - worn) * money.edge_eur
        change = left + (money.machine_eur(minutes) if sister else money.person_eur(minutes))
        what = f"wear {worn:.2f}, fails {chance:.1%}, too rough {rough:.1%}"
        why = f"{what}: keep {keep:.2f} EUR, change {change:.2f} EUR"
        if keep > change:
            return asked.first(why, "sister_tool", "index_edge", "preset_tools")
        return asked.first(why, "keep_edge")

    def measuring(self, asked: Asked) -> Answer:
        """Gauge when what is learned and caught is worth more than the time."""
        h, money = self.hyper, self.economy
        tolerance = money.tolerance_um(asked.text("part_type"))
        grown = self.size.moved(0.0, h.drift_um**2)
        risk = grown.out(tolerance, h.part_um) + 0.2 * asked.number("suspect")
        noise = (h.part_um**2 + h.gauge_um**2) ** 0.5
        surer = grown.moved(0.0, -grown.gain(noise) * grown.variance_um2)
        learned = max(0.0, risk - surer.out(tolerance, h.part_um)) * money.remake_eur * 5.0
        worth = risk * max(0.0, money.escape_eur - money.remake_eur) + learned
        cost = money.machine_eur(money.gauge_min * 0.2) + 0.001
        what = f"{risk:.2%} out, sigma {grown.variance_um2**0.5:.1f} um"
        why = f"{what}: gauging is worth {worth:.3f}, costs {cost:.3f} EUR"
        if worth > cost and "gauge" in asked.tools:
            return asked.first(why, "gauge", guard_um=h.guard_um)
        if worth > money.person_eur(money.minutes("measure_by_hand")) and "measure_by_hand" in asked.tools:
            return asked.first(f"{why}; no gauge, by hand", "measure_by_hand", guard_um=h.guard_um)
        return asked.first(why, "skip_gauge")

    # -- orders ---------------------------------------------------------------------------------------
    def dispatch(self, asked: Asked) -> Answer:
        """The order whose turn costs least, blanks in time, rework where it pays."""
        return self.orders.choose(asked)

    def changeover(self, asked: Asked) -> Answer:
        """Trust the skill, have it taught, or leave it to a person: what costs least for this order."""
        money, kind = self.economy, asked.text("known")
        parts = max(1.0, asked.number("order_left", 1.0))
        watched = 0.0 if kind == "taught" else min(self.hyper.watched_cycles, parts)
        by_hand = money.minutes("load_by_hand") + money.minutes("unload_by_hand")
        fails = self.hyper.novel_failures if kind in NOVEL else 0.0
        eur = {
            "generalise": money.person_eur(watched * money.minutes("watched_cycle"))
            + parts * fails * self.recovery.usual_eur,
            "by_hand_only": parts * money.person_eur(by_hand),
        }
        if kind == "taught":
            eur["recall_program"] = money.person_eur(money.minutes("teach_taught"))
        else:
            eur["teach"] = money.person_eur(asked.number("teach_min"))
        possible = {tool: value for tool, value in eur.items() if tool in asked.tools}
        if not possible:
            return asked.first("nothing that was judged is possible", asked.tools[0])
        best = min(possible, key=lambda tool: (possible[tool], tool))
        told = ", ".join(f"{tool} {value:.0f}" for tool, value in possible.items())
        check, told_check = self._first_article()
        values: dict[str, float | str] = {"first_article": check}
        if best == "generalise":
            values["watched_cycles"] = float(watched)
        what = f"{asked.text('new_type')} is {kind or 'unknown'}, {parts:.0f} parts"
        return Answer(best, values, f"{what}: EUR {told}; {told_check}")

    def _first_article(self) -> tuple[str, str]:
        """Have the first part checked where that costs less than what is lost until the gauge tells."""
        h, money = self.hyper, self.economy
        lost = {
            um: 2.0 * money.remake_eur * Size(0.0, um**2).out(20.0, h.part_um)
            for um in (h.setup_um, h.checked_um)
        }
        check = money.person_eur(money.minutes("first_article")) + lost[h.checked_um]
        yes = check < lost[h.setup_um]
        self.size = Size(self.size.mean_um, (h.checked_um if yes else h.setup_um) ** 2)
        self._set_up = True
        return ("yes" if yes else "no"), f"first article {check:.2f}, without {lost[h.setup_um]:.2f} EUR"
