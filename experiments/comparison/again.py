"""Works some shifts of a study again, and says of each whether it leaves the same ledger.

On the same platform with the same libraries: the same bytes. Elsewhere: the same events, with numbers that
differ by rounding at most.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from experiments import receipts
from experiments.compare import Config
from experiments.comparison import study
from experiments.comparison.results import compare_json
from experiments.comparison.shifts import Folder, Job, jobs_of, map_shifts, run_shift
from experiments.errors import UserError
from experiments.run import to_plain

MATCH, MISMATCH = 0, 1
# What rounding may do to a number of a ledger on another platform.
_ROUNDING = 1e-6
_TOLD = 3  # differences
_FIGURES = ("modes", "paired", "seeds")
_MONEY = ("region", "prices", "finance", "boundary")


def verify(file: Path, sample: int, seed: int, workers: int) -> int:
    """Work a random sample of a study's shifts again, and reckon its figures; 0 for all the same, else 1.

    Args:
        file: `compare.json`, with the study's ledgers where they were left.
        sample: How many shifts; all, if there are fewer.
        seed: Of the choice.
        workers: Processes.

    Raises:
        UserError: If it cannot be verified: damaged, no result of `compare`, or the ledgers are gone.
    """
    found = _read(file)
    folder = _ledgers(found, file)
    kept = found["manifest"]["config"]
    config = study.again(replace(Config(), **{name: kept[name] for name in _MONEY}), folder.study())
    plan = study.plan_of(config)
    differs = _differences(folder.study(), to_plain(study.description(config, plan)))
    for text in differs:
        _say(f"differs  {file}: made with {text}")
    strict = not receipts.elsewhere(differs)

    jobs = jobs_of(plan.modes, plan.spec, plan.seeds, folder, plan.handling)
    chosen = np.sort(np.random.default_rng(seed).permutation(len(jobs))[:sample]).tolist()
    wrong = map_shifts(_Again(strict), [jobs[i] for i in chosen], workers, "Shifts again")
    told = [(f"{jobs[i].mode.name} with {Path(jobs[i].skill).stem}, seed {jobs[i].seed}", bad)
            for i, bad in zip(chosen, wrong, strict=True)]  # fmt: skip
    told.append((f"figures of all {len(jobs)} ledgers", _figures(found, plan, folder, strict)))
    for name, bad in told:
        _say(f"{'MISMATCH' if bad else 'match   '} {name}{f': {bad}' if bad else ''}")
    n_bad = sum(bool(bad) for _, bad in told)
    _say(f"{len(told) - n_bad} of {len(told)} match")
    return MISMATCH if n_bad else MATCH


def _differences(was: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return what differs between what a study's ledgers were made of and by, and what is here now."""
    here, makers = to_plain(receipts.shifts_made_by()), was.pop("made_by", [])
    if not makers:  # older than that
        makers = [{"versions": None, "fingerprint": None}]
    found = [text for maker in makers for text in receipts.differences(maker, here)]
    return list(dict.fromkeys([*receipts.differences(was, now), *found]))


class _Again:
    """Works a shift again; returns what its ledger differs in, "" for nothing."""

    def __init__(self, strict: bool) -> None:
        self._strict = strict

    def __call__(self, job: Job) -> str:
        assert job.path is not None
        try:
            was = job.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            return f"its ledger cannot be read ({error})"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / job.path.name
            run_shift(job).to_jsonl(path)
            return difference(was, path.read_text(encoding="utf-8"), strict=self._strict)


def difference(was: str, now: str, *, strict: bool) -> str:
    """Return the first line in which two ledgers differ; "" for none.

    Args:
        was: The lines of a ledger.
        now: The lines of another one.
        strict: Whether numbers have to be the same to the bit.
    """
    before, after = was.splitlines(), now.splitlines()
    for number, (a, b) in enumerate(zip(before, after, strict=False), 1):
        if a != b and (strict or not _alike(_loaded(a), _loaded(b))):
            return f"line {number} was {a[:120]}, now {b[:120]}"
    return "" if len(before) == len(after) else f"{len(before)} events, now {len(after)}"


def _loaded(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return line


def _alike(was: Any, now: Any) -> bool:
    """Whether two values of JSON are the same but for rounding."""
    if isinstance(was, float | int) and isinstance(now, float | int):
        return math.isclose(was, now, rel_tol=_ROUNDING, abs_tol=_ROUNDING)
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        return was.keys() == now.keys() and all(_alike(was[key], now[key]) for key in was)
    if isinstance(was, list) and isinstance(now, list):
        return len(was) == len(now) and all(map(_alike, was, now))
    return bool(was == now)


def _figures(found: Mapping[str, Any], plan: study.Plan, folder: Folder, strict: bool) -> str:
    """Return which figures the ledgers do not lead to; "" for none."""
    try:
        ledgers = study.read(plan, folder)
    except UserError as error:
        return str(error)
    worked = [study.work_of(mode, ledgers[mode.name], plan) for mode in plan.modes]
    now = to_plain(compare_json(worked, plan.seeds, plan.seed))
    bad = [name for name in _FIGURES
           if found[name] != now[name] and (strict or not _alike(found[name], now[name]))]  # fmt: skip
    wrong = receipts.differences({name: found[name] for name in bad}, {name: now[name] for name in bad})
    return "; ".join(wrong[:_TOLD]) + (f"; and {len(wrong) - _TOLD} more" if len(wrong) > _TOLD else "")


def _read(file: Path) -> dict[str, Any]:
    """Return a `compare.json`.

    Raises:
        UserError: If it is not there, damaged, or another file.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {str(file)!r}: {error.strerror}") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"{file} is damaged: {error}") from None
    try:
        whole = {*_FIGURES} <= found.keys() and {*_MONEY} <= found["manifest"]["config"].keys()
    except (AttributeError, KeyError, TypeError):
        whole = False
    if not whole:
        raise UserError(f"{file}: a compare.json is needed, with its manifest")
    return dict(found)


def _ledgers(found: Mapping[str, Any], file: Path) -> Folder:
    """Return the ledgers that a result is of: beside it, or where it took them from."""
    kept = found["manifest"]["config"].get("ledgers")
    places = [file.parent, *([Path(kept)] if kept else [])]
    for place in places:
        for path in (place / study.LEDGERS, place):
            if (path / "study.json").is_file():
                return Folder(path)
    raise UserError(f"{file}: its ledgers are gone (looked in {', '.join(map(str, places))})")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
