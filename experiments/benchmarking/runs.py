"""Runs what is missing of the table, piece by piece, in worker processes."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agents.policy import Policy
from experiments import controls, evaluation, receipts
from experiments.benchmarking import clips, pieces, trials
from experiments.benchmarking.cells import NOMINAL, SEEN, BenchCell
from experiments.benchmarking.pieces import Piece
from experiments.benchmarking.rows import Row
from experiments.errors import UserError
from experiments.pool import Done, Job, Pool
from experiments.rollout import SEED_STRIDE, EnvRequest, episode_seed

SWAPPED = "instruction swapped"
_JOB_EPISODES = 4
_N_SENTENCES = 64
_REPLAY_TRIES = 20


@dataclass(frozen=True)
class Asked:
    """What is to be measured.

    Attributes:
        task: The task.
        rows: The rows, without controls.
        cells: The cells.
        n: Episodes on a cell of each policy.
        seed: Which test episodes.
        robot: The arm.
        controls: Whether learned rows get their controls.
    """

    task: str
    rows: Sequence[Row]
    cells: Sequence[BenchCell]
    n: int
    seed: int = 0
    robot: str = "lrmate200id"
    controls: bool = True

    @property
    def control_cell(self) -> BenchCell:
        """Where controls are measured."""
        return next((cell for cell in self.cells if cell.name == SEEN), self.cells[0])


class Run:
    """One benchmark on its way.

    Args:
        asked: What is to be measured.
        pool: Where.
        say: Takes lines for people.
    """

    def __init__(self, asked: Asked, pool: Pool, say: Callable[[str], None]) -> None:
        self.asked, self._pool, self._say = asked, pool, say
        # All are made before any is run, so that a mistake in the last name costs nothing.
        self._policies = {who: self._load(who) for row in asked.rows for who in row.who}
        self._taught: set[str] = set()
        self._facts: dict[str, trials.CellFacts] = {}
        self._sentences: list[str] = []
        self._records: dict[str, Any] = {}

    def _load(self, who: str) -> Policy:
        run = evaluation.read_run(who)
        if run.get("robot") not in (None, self.asked.robot):
            raise UserError(f"{who} was made with robot {run['robot']!r}: --robot {run['robot']}")
        return evaluation.load(who, self.asked.task, str(run.get("control") or "ee_yaw"))

    # -- what is asked of whom ----------------------------------------------------------------------
    def pieces(self) -> list[Piece]:
        """Return all pieces of the table, empty.

        Raises:
            UserError: If an environment refuses to be made.
        """
        asked = self.asked
        self._facts = {cell.name: self._call(trials.cell_facts, self._plain(cell)) for cell in asked.cells}
        found = [
            self._piece(row, member, cell)
            for cell in asked.cells
            for row in asked.rows
            for member in range(len(row.who))
        ]
        if asked.controls:
            found += [
                self._piece(row, member, asked.control_cell)
                for row in self.control_rows()
                for member in range(len(row.who))
            ]
        return found

    def control_rows(self) -> list[Row]:
        """Return the controls of the learned rows; those that the task cannot do are left out."""
        rows = []
        for row in self.asked.rows if self.asked.controls else ():
            if not row.learned:
                continue
            for name in controls.controls_of(self._policies[row.who[0]]):
                if name == SWAPPED and not self._swappable():
                    continue
                rows.append(row.with_control(name))
        return rows

    def _swappable(self) -> bool:
        cell = self.asked.control_cell
        return bool(self._call(trials.can_swap, self._plain(cell), self._facts[cell.name].first_seed))

    def _piece(self, row: Row, member: int, cell: BenchCell) -> Piece:
        facts, asked, policy = self._facts[cell.name], self.asked, self._policies[row.who[member]]
        request = EnvRequest(asked.task)
        identity = {
            "robot": asked.robot,
            "cell": cell.name,
            "split": cell.split,
            "options": dict(cell.options),
            "split_hash": facts.split_hash,
            "seed": asked.seed,
            "control": row.control,
            "policy": receipts.policy_identity(row.who[member], policy),
            **receipts.made_by(request),
        }
        return Piece(row, member, cell, identity)

    def _plain(self, cell: BenchCell) -> EnvRequest:
        """The environment of a cell without pictures, to ask it something."""
        from agents.policy import Needs

        return self._request(cell, Needs())

    def _request(self, cell: BenchCell, needs: Any) -> EnvRequest:
        options = {"robot": self.asked.robot, "split": cell.split, **dict(cell.options)}
        return evaluation.request_for(self.asked.task, needs, **options)

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        (done,) = self._pool.run([Job(None, function, arguments)])
        if done.error is not None:
            raise done.error
        return done.value

    @property
    def period_s(self) -> float:
        """From one action to the next."""
        return next(iter(self._facts.values())).period_s

    # -- running ------------------------------------------------------------------------------------
    def fill(self, wanted: Sequence[Piece], folder: Path, *, keep_stale: bool) -> None:
        """Take what is finished from a folder's files, and run the rest; each piece is written when whole."""
        missing = [piece for piece in wanted if not self._restored(piece, folder, keep_stale=keep_stale)]
        self._tell_stale(wanted)
        n = self.asked.n
        seeds = {piece.file: self._seeds(piece) for piece in missing}
        total = sum(map(len, seeds.values()))
        from tqdm import tqdm

        bar = tqdm(total=n * len(wanted), initial=n * len(wanted) - total, unit="episode", file=sys.stderr)
        by_file = {piece.file: piece for piece in missing}
        parts: dict[str, list[trials.Trial]] = {name: [] for name in by_file}
        with bar:
            for done in self._pool.run(self._jobs(missing, seeds)):
                piece = by_file[done.job.key]
                bar.set_description(f"{piece.row.name} on {piece.cell.name}"[:40], refresh=False)
                bar.update(done.job.cost)
                if self._took(piece, done, parts[piece.file], len(seeds[piece.file])):
                    pieces.save(folder, piece)
        if self._pool.n_deaths:
            self._say(f"{self._pool.n_deaths} times a worker died: its episodes were done again")

    def _restored(self, piece: Piece, folder: Path, *, keep_stale: bool) -> bool:
        """Take a piece from its file; False where something of it is missing."""
        was = pieces.restore(folder, piece)
        whole = len(piece.trials) >= self.asked.n
        differs = receipts.differences(was, piece.identity) if was else []
        if differs:
            piece.stale = tuple(differs)
            if keep_stale and whole:
                piece.identity = was or {}
            else:
                piece.trials, piece.timing, piece.redone = [], trials.Timing(), 0
        piece.trials = piece.trials[: self.asked.n]
        return len(piece.trials) == self.asked.n

    def _tell_stale(self, wanted: Sequence[Piece]) -> None:
        """One line for each difference."""
        found = Counter(text for piece in wanted for text in piece.stale)
        for text, n in sorted(found.items()):
            kept = any(piece.trials for piece in wanted if text in piece.stale)
            what = "kept, and marked" if kept else "done again (--stale keep takes them as they are)"
            self._say(f"{n} finished cells were made with {text}: {what}")
        for piece in wanted:
            if not piece.trials:
                piece.stale = ()

    def _seeds(self, piece: Piece) -> list[int]:
        """Seeds of the episodes that are missing: the same ones for every row."""
        facts = self._facts[piece.cell.name]
        numbers = range(SEED_STRIDE * self.asked.seed, SEED_STRIDE * self.asked.seed + self.asked.n)
        limits = facts.first_seed, facts.last_seed
        return [episode_seed(limits, number) for number in numbers][len(piece.trials) :]

    def _jobs(self, missing: Sequence[Piece], seeds: Mapping[str, list[int]]) -> Iterator[Job]:
        for piece in missing:
            try:
                policy = self._acting(piece)
                request = self._request(piece.cell, policy.needs)
            except Exception as error:
                piece.error = _one_line(error)
                self._say(f"{piece.row.name} on {piece.cell.name} failed: {piece.error}")
                continue
            swapped = piece.row.control == SWAPPED
            mine = seeds[piece.file]
            for i in range(0, len(mine), _JOB_EPISODES):
                if piece.error is not None:
                    break
                some = mine[i : i + _JOB_EPISODES]
                yield Job(piece.file, trials.run_trials_of, (request, policy, some, swapped), len(some))

    def _took(self, piece: Piece, done: Done, some: list[trials.Trial], n_wanted: int) -> bool:
        """Add what a job brought; return whether the piece is whole now."""
        if done.error is not None:
            if piece.error is None:
                piece.error = _one_line(done.error)
                self._say(f"{piece.row.name} on {piece.cell.name} failed: {piece.error}")
            return False
        found, timing = done.value
        some += found
        piece.timing.add(timing)
        piece.redone += len(found) if done.redone else 0
        if piece.error is not None or len(some) < n_wanted:
            return False
        piece.trials += sorted(some, key=lambda trial: trial.seed)
        return True

    def acting(self, row: Row, cell: BenchCell) -> tuple[Policy, EnvRequest, bool]:
        """Return who acts in a row's episodes on a cell, where, and whether another part is named there."""
        self._facts = {cell.name: self._call(trials.cell_facts, self._plain(cell))}
        piece = self._piece(row, 0, cell)
        policy = self._acting(piece)
        return policy, self._request(cell, policy.needs), row.control == SWAPPED

    def pictures(self, cell: BenchCell) -> bool:
        """Whether a cell can be filmed."""
        return self._facts[cell.name].pictures

    def film(self, piece: Piece, seed: int, path: Path) -> bool:
        """Film one episode of a piece, in a worker; return whether it could be."""
        policy = self._acting(piece)
        try:
            self._call(
                clips.shoot,
                self._request(piece.cell, policy.needs),
                policy,
                seed,
                str(path),
                1 / self.period_s,
            )
        except Exception as error:
            self._say(f"no clip of {piece.row.name} on {piece.cell.name}: {_one_line(error)}")
            return False
        return True

    # -- who acts -----------------------------------------------------------------------------------
    def _ready(self, who: str) -> Policy:
        """A policy, taught if it must be."""
        policy = self._policies[who]
        if who not in self._taught:
            evaluation.teach(policy, self._request(BenchCell(NOMINAL, NOMINAL), policy.needs))
            self._taught.add(who)
        return policy

    def _acting(self, piece: Piece) -> Policy:
        """The policy of a piece, ready, with its control round it."""
        policy, control = self._ready(piece.who), piece.row.control
        if control == "language-blind":
            return controls.Reworded(policy, self._other_sentences())
        if control == "blank instruction":
            return controls.Reworded(policy, ("",))
        if control == "vision-blind":
            return controls.VisionBlind(policy)
        if control == "replay":
            return controls.Replay(self._record(piece.who, policy), policy.needs.control)
        return policy

    def _other_sentences(self) -> list[str]:
        """Instructions of training episodes."""
        if not self._sentences:
            cell = self.asked.control_cell
            train = self._facts[cell.name].train_seed
            seeds = list(range(train, train + _N_SENTENCES))
            self._sentences = self._call(trials.sentences, self._plain(cell), seeds)
        return self._sentences

    def _record(self, who: str, policy: Policy) -> Any:
        """A policy's own actions in a training episode that it did."""
        if who not in self._records:
            cell = self.asked.control_cell
            train = self._facts[cell.name].train_seed
            seeds = list(range(train, train + _REPLAY_TRIES))
            request = self._request(cell, policy.needs)
            self._records[who] = self._call(trials.record, request, policy, seeds)
        return self._records[who]


def _one_line(error: BaseException) -> str:
    name = type(error).__name__
    text = " ".join(str(error).split())
    return text if name == "UserError" else f"{name}: {text}"


def with_controls_after(rows: Sequence[Row], control_rows: Sequence[Row]) -> list[Row]:
    """Return rows, the controls of each after it."""
    found: list[Row] = []
    for row in rows:
        found += [replace(row), *(c for c in control_rows if c.base == row.name)]
    return found
