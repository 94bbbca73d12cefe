"""The shop floor as all parts of a shift see it: clock, books, people, machine; deciding and waiting."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from envs.shift import draws
from envs.shift.books import Books
from envs.shift.decision import Choice, Decision, Value, as_choice, refusal, values_of
from envs.shift.disturbances import Disturbed
from envs.shift.handling import Handling
from envs.shift.interlocks import ACTION_OF, NO_PROGRAM, Guard
from envs.shift.kernel import Kernel, Process, Signal
from envs.shift.lathe import Lathe
from envs.shift.operators import Person, Pool
from envs.shift.orders import Order
from envs.shift.spec import PartType, ShiftSpec
from envs.shift.state import ShiftState

Asking = Generator[Any, Any, tuple[str, dict[str, Value]]]
# Failures, in the order of `ShiftState.until_failure_h`.
MACHINE, ROBOT, SENSOR = range(3)
FAILURES = ("machine_faults", "robot_faults", "sensor_faults")
_SEEN = 20


@dataclass
class Open:
    """An order that is not done."""

    order: Order
    left: int
    due_s: float
    declined: int = 0


@dataclass
class Part:
    """A blank on its way."""

    number: int
    type: PartType
    order: str
    attempt: int = 0
    arrived: bool = False
    relaid: bool = False
    wrong: bool = False
    suspect: bool = False
    broken: bool = False
    hand: bool = False
    gap_mm: float = 0.0
    runout_mm: float = 0.0
    size_um: float = 0.0
    ra_um: float = 0.0

    @property
    def name(self) -> str:
        """As the ledger calls it."""
        return f"part-{self.number}"


@dataclass
class Counts:
    """What was counted so far."""

    good: int = 0
    scrap: int = 0
    calls: int = 0
    refused: int = 0
    cycles: int = 0
    handlings: int = 0
    work: dict[str, int] = field(default_factory=dict)


class Floor:
    """What all parts of a shift share.

    Args:
        spec: The shift.
        seed: Of the run.
        handling: How parts get into the machine and out.
        state: What was left from before.
    """

    def __init__(self, spec: ShiftSpec, seed: int, handling: Handling, state: ShiftState) -> None:
        self.spec, self.seed, self.handling = spec, seed, handling
        self.kernel, self.books = Kernel(), Books(spec.unit, spec.blocks)
        self.disturbed = Disturbed(seed, spec.strengths)
        self.lathe = Lathe(spec.split, self.disturbed, state.heat)
        people = spec.people
        self.others = state.others or (people.others_per_h, people.others_min)
        self.pool = Pool(self.kernel, people, seed, spec.cells, self.others)
        self.guard, self.counts = Guard(), Counts()
        self.setup, self.programs = state.setup, set(state.programs)
        self.families, self.trusted = set(state.families), set(state.trusted)
        self.blanks, self.sister_tools = state.blanks, state.sister_tools
        self.rework: list[Part] = []
        self.moved = state.moved
        self.until_s = self._first_failures(state)
        self.failed = [0, 0, 0]
        self.open: list[Open] = []
        self.hand: Open | None = None
        self.visit: Person | None = None
        self.changed = Signal()
        self.next_blank = 0
        self.measured: Counter[str] = Counter()  # parts by order that are being measured
        self.since_gauged = 0.0
        self.watched = 0.0
        self.handled: deque[bool] = deque(maxlen=_SEEN)
        self.last_cut_s = 0.0
        self.waits: dict[str, tuple[int, float]] = {}
        self.block_end_s = 0.0
        self.refilling = self.reworking = self.warmed = False
        self.words: dict[str, tuple[str, ...]] = {"skill": tuple(handling.skills)}

    def _first_failures(self, state: ShiftState) -> list[float]:
        if state.until_failure_h is not None:
            return [3600.0 * h for h in state.until_failure_h]
        return [self.next_failure_s(kind, 0) for kind in (MACHINE, ROBOT, SENSOR)]

    def next_failure_s(self, kind: int, number: int) -> float:
        """Return the running time until failure number n of machine, robot or sensors."""
        b = self.spec.breakdowns
        mtbf_h = (b.machine_mtbf_h, b.robot_mtbf_h, b.sensor_mtbf_h)[kind]
        rate = self.disturbed.value(FAILURES[kind])
        return draws.exponential(3600.0 * mtbf_h / rate, self.seed, FAILURES[kind], number)

    def fails_within(self, kind: int, seconds: float) -> bool:
        """Whether a failure comes in so much running time, which is then spent."""
        self.until_s[kind] -= seconds
        if self.until_s[kind] > 0.0:
            return False
        self.failed[kind] += 1
        self.until_s[kind] = self.next_failure_s(kind, self.failed[kind])
        return True

    # -- time -------------------------------------------------------------------------------------------
    @property
    def now_s(self) -> float:
        """Working time now."""
        return self.kernel.now_s

    def write(self, kind: str, subject: str | None = None, /, **data: Any) -> None:
        """Write an event into the ledger, now."""
        self.books.now_s = self.kernel.now_s
        self.books.write(kind, subject, **data)

    def lathe_is(self, mode: str, execution: str, power: str | float = "ready") -> None:
        """State and power of the machine from now on; power in W, or by the name of a state."""
        self.books.now_s = self.kernel.now_s
        self.books.state(mode, execution)
        kw = self.lathe.process.machine_spec.power_kw
        watts = 1000.0 * float(getattr(kw, power)) if isinstance(power, str) else power
        self.books.power(self.spec.unit, watts)

    def notify(self) -> None:
        """Wake who waits for something to change."""
        signal, self.changed = self.changed, Signal()
        self.kernel.fire(signal)

    # -- people -----------------------------------------------------------------------------------------
    def person(self, reason: str, *, unplanned: bool = False) -> Process:
        """Wait until a person is at the cell; who is there stays."""
        if unplanned:
            self.counts.calls += 1
            self.write("intervention", None, reason=reason)
        if self.visit is None:
            signal = self.pool.call()
            if self.pool.is_queued(signal):
                yield from self.idle("person", signal)
            else:
                yield signal
            self.visit = signal.value

    def leave(self) -> None:
        """Let the person go who is at the cell."""
        if self.visit is not None:
            person, self.visit = self.visit, None
            self.gone(person)

    def gone(self, person: Person) -> None:
        """Let a person go, and write down how long they were here."""
        spent_s = self.pool.release(person)
        if spent_s > 0.0:
            self.write("attended", person.name, duration_s=spent_s)

    def work_s(self, kind: str, *, hand: bool = False) -> float:
        """Return how long a person's work takes this time; the n-th of a kind is the same in every mode."""
        number = self.counts.work.get(kind, 0)
        self.counts.work[kind] = number + 1
        people = self.spec.people
        minutes = self.spec.work.named(kind).at(draws.uniform(self.seed, f"work {kind}", number))
        return 60.0 * minutes * people.skill * (1.0 + people.allowance if hand else 1.0)

    # -- deciding ---------------------------------------------------------------------------------------
    def decide(self, role: str, tools: tuple[str, ...], **more: float | str | None) -> Asking:
        """Ask who fills a role; returns the tool and its values. What is refused becomes the first tool."""
        decision = Decision(self.now_s, role, tools, self.view(role, more))
        answer = yield decision
        choice = as_choice(answer)
        rule = refusal(choice, decision, self.words)
        if not rule and choice.tool in ("load", "unload", "retry", "reseat", "air_blow"):
            rule = self._no_program(choice)
        if rule:
            action = ACTION_OF.get(choice.tool)
            rule = (self.guard.refuses(action) if action and choice.tool not in tools else "") or rule
            self.counts.refused += 1
            self.write("interlock", None, name=rule, tool=choice.tool, role=role)
            choice = Choice(tools[0], {}, f"refused: {choice.tool}")
        self.books.now_s = self.now_s
        self.books.decision(decision, choice)
        return choice.tool, values_of(choice)

    def _no_program(self, choice: Choice) -> str:
        name = str(choice.values.get("skill", "")) or self.able_skill
        return "" if self.can(name) else NO_PROGRAM

    def can(self, skill: str) -> bool:
        """Whether a skill may handle the part type that the cell is set up for."""
        known = self.handling.skills.get(skill)
        if known is None or self.setup is None:
            return False
        taught = self.setup.name in self.programs
        return taught if known.needs_teaching else taught or self.setup.name in self.trusted

    @property
    def usual_skill(self) -> str:
        """The crew's usual skill; "" where there is none."""
        return next(iter(self.handling.skills), "")

    @property
    def able_skill(self) -> str:
        """The first skill that may handle the part type set up for; "" where none may."""
        return next((name for name in self.handling.skills if self.can(name)), "")

    def view(self, role: str, more: dict[str, float | str | None]) -> dict[str, float | str | None]:
        """What can honestly be told."""
        hand, now = self.hand, self.now_s
        failures = 0
        for ok in reversed(self.handled):
            if ok:
                break
            failures += 1
        view: dict[str, float | str | None] = {
            "hour": now / 3600.0,
            "left_h": (self.block_end_s - now) / 3600.0,
            "order": hand.order.name if hand else None,
            "part_type": hand.order.type.name if hand else None,
            "order_left": float(hand.left) if hand else None,
            "due_min": (hand.due_s - self.books.at(now)) / 60.0 if hand else None,
            "blanks": float(self.blanks),
            "rework": float(len(self.rework)),
            "sister_tools": float(self.sister_tools),
            "operators": float(self.pool.on_duty),
            "calls_waiting": float(self.pool.waiting),
            "good": float(self.counts.good),
            "scrap": float(self.counts.scrap),
            "calls": float(self.counts.calls),
            "skill": self.usual_skill,
            "failures": float(failures),
            "failure_share": 1.0 - sum(self.handled) / len(self.handled) if self.handled else 0.0,
        }
        if role in ("machining", "tool_care", "measuring"):
            view |= self.lathe.signals()
            view["parts_left"] = view["order_left"]
            view["tolerance_um"] = self.lathe.process.part.tolerance_um
            view["gap_min"] = (now - self.last_cut_s) / 60.0
        return view | more

    # -- waiting ----------------------------------------------------------------------------------------
    def idle(self, reason: str, signal: Signal) -> Process:
        """Wait for a signal in the state that machining chooses."""
        n, mean_min = self.waits.get(reason, (0, 0.0))
        tools = ("stay_ready", "standby", "warm_up")
        broken = reason == "repair"
        tool = "standby"
        if not broken:
            tool, _ = yield from self.decide(
                "machining", tools, reason=reason, expected_min=mean_min if n else None
            )
        mode, execution = self.books.current
        power = {"stay_ready": "ready", "standby": "standby", "warm_up": "warm_up"}[tool]
        self.lathe_is(mode, execution if mode != "PRODUCTION" else "WAIT", power)
        began = self.now_s
        if tool == "warm_up":
            self.kernel.start(self._warming(signal, (mode, self.books.current[1])))
        yield signal
        waited_min = (self.now_s - began) / 60.0
        self.waits[reason] = (n + 1, mean_min + (waited_min - mean_min) / (n + 1))
        if tool == "standby" and not broken:
            self.lathe_is(mode, execution, "ready")
            yield self.spec.cell.standby_wake_s
        self.lathe_is(mode, execution, "ready")
        self.warmed = tool == "warm_up" and waited_min >= self.lathe.process.times.warm_up_min

    def _warming(self, signal: Signal, state: tuple[str, str]) -> Process:
        """The warm-up ends before the wait does."""
        yield 60.0 * self.lathe.process.times.warm_up_min
        if not signal.fired:
            self.lathe_is(*state, "ready")
