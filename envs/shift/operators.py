"""Operators: a pool that is shared by several cells, each of which waits its turn.

This cell's calls queue with those of the others, which run for exponential times between calls and are served
for exponential times: the machine-repairman queue M/M/c//N with the closed form `envs.reliability.repairman`.
What a person spends at a cell that cell pays; idle time is paid by all cells alike.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from envs.shift import draws
from envs.shift.kernel import Kernel, Process, Signal
from envs.shift.spec import People, Rest

HERE = 0


@dataclass
class Person:
    """An operator: where they were last, since when they are at what, and the seconds spent."""

    number: int
    on_duty: bool = False
    free: bool = True
    resting: bool = False
    at_cell: int = -1
    since_s: float = 0.0
    here_s: float = 0.0
    others_s: float = 0.0
    unpaid_s: float = 0.0
    told_s: float = 0.0
    duty_from_s: float = 0.0
    rest_due: Rest | None = None

    @property
    def name(self) -> str:
        """As the ledger calls them."""
        return f"operator-{self.number}"


class Pool:
    """The operators and the cells that call them.

    Args:
        kernel: The clock.
        people: Figures.
        seed: Of the run.
        cells: Cells that share them, this one among them.
        others: Calls an hour of each other cell while it runs, and minutes of a call.
    """

    def __init__(
        self, kernel: Kernel, people: People, seed: int, cells: int, others: tuple[float, float]
    ) -> None:
        self.kernel, self.people, self.seed, self.cells = kernel, people, seed, cells
        self.per_h, self.minutes = others
        self.persons = [Person(n) for n in range(people.operators)]
        self._queue: deque[tuple[Signal, int]] = deque()
        self._calls = [0] * cells
        self.running_s = [0.0] * cells
        self._block = -1
        for cell in range(1, cells):
            if self.per_h > 0.0 and self.persons:
                kernel.start(self._other(cell))

    # -- duty -----------------------------------------------------------------------------------------
    @property
    def on_duty(self) -> int:
        """Operators on duty, whether free or not."""
        return sum(p.on_duty for p in self.persons)

    @property
    def waiting(self) -> int:
        """Calls that wait."""
        return len(self._queue)

    def is_queued(self, signal: Signal) -> bool:
        """Whether nobody was free for a call yet."""
        return any(s is signal for s, _ in self._queue)

    def begin(self, manned: bool) -> None:
        """Begin a block: who is there comes on duty."""
        self._block += 1
        now = self.kernel.now_s
        for person in self.persons:
            absent = draws.uniform(self.seed, "absence", 1000 * self._block + person.number)
            person.on_duty = manned and absent >= self.people.absence
            person.duty_from_s = now
            person.here_s = person.others_s = person.unpaid_s = person.told_s = 0.0
            person.since_s = now
            person.rest_due = None
            if person.free:
                person.at_cell = -1
            if person.on_duty:
                for k, rest in enumerate(self.people.rests):
                    self.kernel.start(self._rest(person, rest, self._block, k))
        self._serve()

    def end(self) -> list[tuple[Person, float, float]]:
        """End a block; returns each person with the seconds here not yet told of, and those to be paid.

        A person who is at a cell when the block ends finishes there; the rest counts in the next block.
        """
        now = self.kernel.now_s
        settled = []
        for person in self.persons:
            if not person.free:
                self._spend(person, now)
            duty_s = now - person.duty_from_s if person.on_duty else 0.0
            idle_s = max(0.0, duty_s - person.here_s - person.others_s - person.unpaid_s)
            paid_s = person.here_s + (idle_s / self.cells if person.on_duty else 0.0)
            if paid_s or person.here_s:
                settled.append((person, person.here_s - person.told_s, paid_s))
                person.told_s = person.here_s
            person.on_duty = False
        return settled

    # -- calls ----------------------------------------------------------------------------------------
    def call(self, cell: int = HERE) -> Signal:
        """Return a signal that fires with the `Person` who comes, walking included."""
        signal = Signal()
        self._queue.append((signal, cell))
        self._serve()
        return signal

    def release(self, person: Person) -> float:
        """Let a person go who is done; returns the seconds at this cell not yet told of."""
        self._spend(person, self.kernel.now_s)
        untold_s, person.told_s = person.here_s - person.told_s, person.here_s
        person.free = True
        self._take_rest(person)
        self._serve()
        return untold_s

    def walk_s(self, person: Person, cell: int = HERE) -> float:
        """Return how long a person who was called walks: not at all where they were last."""
        return 0.0 if person.at_cell == cell else 60.0 * self.people.walk_min

    def _serve(self) -> None:
        while self._queue:
            free = [p for p in self.persons if p.free and p.on_duty and not p.resting]
            if not free:
                return
            signal, cell = self._queue.popleft()
            # Who stands at the cell already is the one who does it.
            person = min(free, key=lambda p: (p.at_cell != cell, p.number))
            person.free, person.since_s = False, self.kernel.now_s
            person.resting = False
            walk_s = self.walk_s(person, cell) if cell == HERE else 0.0
            person.at_cell = cell
            if walk_s:
                self.kernel.fire_in(walk_s, signal, person)
            else:
                self.kernel.fire(signal, person)

    def _spend(self, person: Person, now_s: float) -> None:
        spent = now_s - person.since_s
        if person.at_cell == HERE:
            person.here_s += spent
        else:
            person.others_s += spent
        person.since_s = now_s

    # -- others and breaks ------------------------------------------------------------------------------
    def _other(self, cell: int) -> Process:
        """Another cell: runs, calls, waits, is served."""
        key = draws.key(self.seed, "other cell", cell)
        for i in range(10**9):
            run_s = draws.exponential(3600.0 / self.per_h, key, "run", i)
            self.running_s[cell] += run_s
            yield run_s
            person = yield self.call(cell)
            yield draws.exponential(60.0 * self.minutes, key, "service", i)
            self.release(person)

    def _rest(self, person: Person, rest: Rest, block: int, number: int) -> Process:
        """A break: operators take it one after another, and not in the middle of something."""
        yield 3600.0 * rest.at_h + 60.0 * rest.minutes * person.number
        if person.on_duty and block == self._block:
            person.rest_due = rest
            self._take_rest(person)

    def _take_rest(self, person: Person) -> None:
        rest = person.rest_due
        if rest is None or not person.free or person.resting or not person.on_duty:
            return
        person.rest_due, person.resting = None, True
        self.kernel.start(self._resting(person, rest, self._block))

    def _resting(self, person: Person, rest: Rest, block: int) -> Process:
        began = self.kernel.now_s
        yield 60.0 * rest.minutes
        person.resting = False
        person.at_cell = -1
        if not rest.paid and block == self._block:
            person.unpaid_s += self.kernel.now_s - began
        self._serve()
