"""Shifts of a study: each one is a job that leaves its ledger, and is not done again where that is there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, overload

from agents.crews import crew
from envs.ledger import Ledger
from envs.shift import ShiftSpec
from experiments.comparison.modes import Mode
from experiments.comparison.pool import run_jobs
from experiments.errors import UserError
from experiments.run import to_plain, write_json_atomic

HANDLING = ("recorded", "physics")
# Shifts that are opened once, after tuning; those for tuning lie elsewhere.
TEST_SEED = 1_000_000
VALIDATION_SEED = 3_000_000
_WARM_SEED = 5_000_000


@dataclass(frozen=True)
class Job:
    """One shift in one way of working.

    Attributes:
        mode: The way of working.
        spec: The shift.
        seed: Of its disturbances, the same for every way.
        skill: Who handles the parts.
        handling: "recorded" or "physics".
        path: Where the ledger goes; None to hand it back only.
        hyper: Hyper-parameters by decider, instead of those of the files.
        own_start: Whether the state that it begins with was warmed up with these too, and not with the
            files'.
    """

    mode: Mode
    spec: ShiftSpec
    seed: int
    skill: str
    handling: str = "recorded"
    path: Path | None = None
    hyper: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    own_start: bool = True


def seeds_of(seed: int, n: int, *, validation: bool = False) -> list[int]:
    """Return the seeds of n shifts; `seed` chooses which."""
    first = (VALIDATION_SEED if validation else TEST_SEED) + 10_000 * seed
    return list(range(first, first + n))


def run_shift(job: Job) -> Ledger:
    """Return the ledger of a job's shift."""
    from envs.shift.shift import Shift, drawn_state

    handling = handling_of(job.skill, job.handling)
    state = drawn_state(_warm(job), job.seed)
    return Shift(job.spec, job.seed, handling, state).run(crew(job.mode.roles, job.hyper))


_WARMED: dict[str, Any] = {}
_MOST_WARMED = 64


def _warm(job: Job) -> Any:
    """Return what a long run leaves in this way of working, to begin shifts from.

    It is made with recorded cycles whatever handles the shift itself, where there are some, as it only
    sets the scene; the seed of the long run is the same for all ways. It is of single days, also where
    what begins is a week.
    """
    from envs.shift.cycles import recorded_skills
    from envs.shift.shift import warm_states

    hyper = job.hyper if job.own_start else {}
    day = job.spec.day()
    key = fingerprint(job.mode.roles, day, job.skill, hyper)
    if key not in _WARMED:
        if len(_WARMED) >= _MOST_WARMED:
            _WARMED.clear()
        recorded = job.handling == "recorded" or job.skill in recorded_skills()
        handling = handling_of(job.skill, "recorded" if recorded else job.handling)
        made = crew(job.mode.roles, hyper)
        _WARMED[key] = warm_states(day, handling, made, seed=_WARM_SEED)
    return _WARMED[key]


def handling_of(skill: str, kind: str) -> Any:
    """Return who loads and unloads: cycles that were recorded, or the engine.

    Raises:
        UserError: for a skill without recorded cycles, or one that no agent brings.
    """
    if kind == "recorded":
        from envs.shift.cycles import RecordedHandling

        try:
            return RecordedHandling(skill)
        except ValueError as error:
            raise UserError(str(error)) from None
    from experiments.comparison.makers import physics_handling

    return physics_handling(skill)


def leave_ledger(job: Job) -> Path:
    """Run a job's shift and save its ledger."""
    assert job.path is not None
    ledger = run_shift(job)
    ledger.to_jsonl(job.path)
    return job.path


def run_all(jobs: Sequence[Job], workers: int, *, executor: str = "processes", title: str = "Shifts") -> None:
    """Run the jobs whose ledgers are not there yet, with a bar on stderr."""
    import sys

    from tqdm import tqdm

    left = [job for job in jobs if job.path is not None and not job.path.exists()]
    for job in left:
        assert job.path is not None
        job.path.parent.mkdir(parents=True, exist_ok=True)
    bar = tqdm(total=len(jobs), initial=len(jobs) - len(left), desc=title, unit="shift", file=sys.stderr)
    with bar:
        run_jobs(leave_ledger, left, workers, lambda *_: bar.update(1) and None, executor)


def map_shifts(function: Callable[[Job], Any], jobs: Sequence[Job], workers: int, title: str) -> list[Any]:
    """Return `function(job)` for every job, in their order, with a bar on stderr."""
    import sys

    from tqdm import tqdm

    found: dict[int, Any] = {}
    numbered = list(enumerate(jobs))
    with tqdm(total=len(jobs), desc=title, unit="shift", file=sys.stderr) as bar:

        def done(job: tuple[int, Job], result: Any) -> None:
            found[job[0]] = result
            bar.update(1)

        run_jobs(_Numbered(function), numbered, workers, done)
    return [found[i] for i in range(len(jobs))]


@dataclass(frozen=True)
class _Numbered:
    """Calls a function on the job of a numbered job; importable, so that it travels."""

    function: Callable[[Job], Any]

    def __call__(self, numbered: tuple[int, Job]) -> Any:
        return self.function(numbered[1])


# --- Folders -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Folder:
    """The ledgers of a study: `<mode>/<skill>-<seed>.jsonl`, and `study.json`, what they are of."""

    path: Path

    def ledger(self, mode: str, skill: str, seed: int) -> Path:
        """Return where a shift's ledger lies."""
        return self.path / mode / f"{Path(skill).stem}-{seed}.jsonl"

    def begin(self, description: Mapping[str, Any], made_by: Mapping[str, Any]) -> None:
        """Write down what the study is, or check that it goes on as it began.

        Args:
            description: What is worked.
            made_by: Code, libraries and machine; a study that goes on with others lists them all.

        Raises:
            UserError: where other shifts lie here.
        """
        file, plain, by = self.path / "study.json", to_plain(description), []
        if file.exists():
            kept = self.study()
            by = kept.pop("made_by", [])
            if kept != plain:
                raise UserError(f"{self.path} holds the ledgers of another study: name another --out")
        self.path.mkdir(parents=True, exist_ok=True)
        if (now := to_plain(made_by)) not in by:
            write_json_atomic(file, {**plain, "made_by": [*by, now]})

    def study(self) -> dict[str, Any]:
        """Return what the ledgers are of.

        Raises:
            UserError: where there are none.
        """
        file = self.path / "study.json"
        try:
            found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise UserError(f"cannot read {str(file)!r}: {error.strerror}") from None
        except ValueError:
            raise UserError(f"{str(file)!r} is not JSON") from None
        return found

    def read(self, mode: str, skill: str, seed: int) -> Ledger:
        """Return a shift's ledger.

        Raises:
            UserError: where it is missing or damaged.
        """
        path = self.ledger(mode, skill, seed)
        try:
            return Ledger.from_jsonl(path)
        except (OSError, ValueError) as error:
            raise UserError(f"ledger {str(path)!r}: {error}") from None


@dataclass(frozen=True)
class Row(Sequence[Ledger]):
    """A mode's ledgers with one skill, in the order of the seeds.

    Each is read when it is asked for, and not kept: those of a large study do not fit into memory.

    Attributes:
        folder: Where they lie.
        mode: The way of working.
        skill: Who handled the parts.
        seeds: Of the shifts.
    """

    folder: Folder
    mode: str
    skill: str
    seeds: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.seeds)

    @overload
    def __getitem__(self, index: int) -> Ledger: ...
    @overload
    def __getitem__(self, index: slice) -> Row: ...
    def __getitem__(self, index: int | slice) -> Ledger | Row:
        """Return a ledger, or some of the row.

        Raises:
            UserError: where a ledger is missing or damaged.
        """
        if isinstance(index, slice):
            return replace(self, seeds=self.seeds[index])
        return self.folder.read(self.mode, self.skill, self.seeds[index])


def fingerprint(*parts: Any) -> str:
    """Return a short hash of anything that JSON can hold."""
    text = json.dumps(to_plain(list(parts)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def jobs_of(
    modes: Iterable[Mode], spec: ShiftSpec, seeds: Sequence[int], folder: Folder, handling: str
) -> list[Job]:
    """Return the jobs of a study: every mode with every of its skills on every seed."""
    return [
        Job(mode, staffed(spec, mode), seed, skill, handling, folder.ledger(mode.name, skill, seed))
        for seed in seeds  # the same shift in all modes first, so that an early end leaves pairs
        for mode in modes
        for skill in mode.handling
    ]


def staffed(spec: ShiftSpec, mode: Mode) -> ShiftSpec:
    """Return the shift with the mode's own number of machines per operator, where it names one."""
    if mode.machines_per_operator is None:
        return spec
    return spec.with_people(machines_per_operator=mode.machines_per_operator)
