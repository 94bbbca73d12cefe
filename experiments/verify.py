"""Runs some episodes of a result file again and says of each whether it is the same.

On the same platform with the same libraries: the same bits (success, steps and sum of rewards). Elsewhere:
the same outcome (success and steps), as sums of rounded numbers may differ in the last place.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agents.policy import Policy
from experiments import evaluation, receipts
from experiments.benchmarking import trials
from experiments.benchmarking.cells import BenchCell
from experiments.benchmarking.rows import Row
from experiments.benchmarking.runs import Asked, Run
from experiments.errors import UserError
from experiments.pool import Job, Pool
from experiments.rollout import EnvRequest

MATCH, MISMATCH = 0, 1
_COLUMNS = ("seed", "success", "steps", "return")


@dataclass(frozen=True)
class Receipt:
    """Episodes that one policy did in one environment, as a result file tells them.

    Attributes:
        name: Who did them on what, for people.
        who: The agent's name or the run's directory.
        names: Task, split, robot and control.
        own: The task's own options.
        episodes: The columns.
        identity: What they followed from.
        control: Which control of a benchmark they are; "" for none.
        cell: The cell of a benchmark; "" where it is another result.
    """

    name: str
    who: str
    names: Mapping[str, str]
    own: Mapping[str, Any]
    episodes: Mapping[str, Sequence[Any]]
    identity: Mapping[str, Any]
    control: str = ""
    cell: str = ""

    @property
    def possible(self) -> list[int]:
        """Numbers of the episodes that were run."""
        n = len(self.episodes["seed"])
        return [i for i, some in enumerate(self.episodes.get("possible", [1] * n)) if some]


def verify(file: Path, sample: int, seed: int = 0) -> int:
    """Run a random sample of a result file's episodes again; return 0 for all the same, 1 for a mismatch.

    Args:
        file: `benchmark.json` or `evaluation.json`.
        sample: How many episodes; all, if there are fewer.
        seed: Of the choice.

    Raises:
        UserError: If the file cannot be verified: damaged, without episodes, or the policy is gone.
    """
    found = read(file)
    chosen = choose(found, sample, seed)
    n_bad = n_done = 0
    told: set[str] = set()
    with Pool(1) as pool:
        for index in sorted(chosen):
            receipt = found[index]
            ran, differs = _again(pool, receipt, chosen[index])
            _tell_differences(receipt, differs, told)
            strict = not receipts.elsewhere(differs)
            for i, trial in zip(chosen[index], ran, strict=True):
                bad = mismatch(receipt.episodes, i, trial, strict=strict)
                n_bad, n_done = n_bad + bool(bad), n_done + 1
                verdict = "MISMATCH" if bad else "match   "
                _say(f"{verdict} {receipt.name}, seed {trial.seed}: {bad or _outcome(trial)}")
    _say(f"{n_done - n_bad} of {n_done} episodes match")
    return MISMATCH if n_bad else MATCH


def choose(found: Sequence[Receipt], sample: int, seed: int) -> dict[int, list[int]]:
    """Return which episodes of which receipts are run again, drawn without replacement."""
    every = [(index, i) for index, receipt in enumerate(found) for i in receipt.possible]
    picks = np.random.default_rng(seed).permutation(len(every))[:sample]
    chosen: dict[int, list[int]] = {}
    for index, i in sorted(every[int(k)] for k in picks):
        chosen.setdefault(index, []).append(i)
    return chosen


def mismatch(episodes: Mapping[str, Sequence[Any]], i: int, trial: trials.Trial, *, strict: bool) -> str:
    """Return what differs between a recorded episode and a second run of it; "" for nothing.

    Args:
        episodes: The columns.
        i: Which of them.
        trial: The second run.
        strict: Whether the sum of rewards has to be the same to the bit.
    """
    pairs = [
        ("success", bool(episodes["success"][i]), trial.success),
        ("steps", episodes["steps"][i], trial.n_steps),
        *([("return", episodes["return"][i], trial.sum_reward)] if strict else []),
    ]
    return "; ".join(f"{name} was {was}, now {now}" for name, was, now in pairs if was != now)


def _outcome(trial: trials.Trial) -> str:
    return (
        f"{'success' if trial.success else 'failure'} in {trial.n_steps} steps, return {trial.sum_reward:.6g}"
    )


def _tell_differences(receipt: Receipt, differs: Sequence[str], told: set[str]) -> None:
    for text in differs:
        if text not in told:
            told.add(text)
            _say(f"differs  {receipt.name}: made with {text}")


# --- Reading ---------------------------------------------------------------------------------------


def read(file: Path) -> list[Receipt]:
    """Return the receipts in a result file.

    Raises:
        UserError: If it is not there, damaged, or keeps no episodes.
    """
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {str(file)!r}: {error.strerror}") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"{file} is damaged: {error}") from None
    if not isinstance(data, dict):
        raise UserError(f"{file}: a benchmark.json or an evaluation.json is needed")
    try:
        if data.get("kind") == "cells":
            found = [_of_piece(data, piece, file) for piece in data["episodes"]]
        elif data.get("kind") == "lots":
            found = [_of_row(some, some, file, ("task", "split")) for some in data["episodes"]]
        else:
            found = [_of_row(data, data["manifest"]["config"], file, ("task", "split", "robot", "control"))]
        for receipt in found:
            if len({len(receipt.episodes[name]) for name in _COLUMNS}) != 1:
                raise ValueError("columns of different length")
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(
            f"{file} keeps no episodes that could be run again ({type(error).__name__}: {error}): "
            "evaluate or benchmark anew"
        ) from None
    if not any(receipt.possible for receipt in found):
        raise UserError(f"{file} keeps no episodes that could be run again")
    return found


def _of_piece(data: Mapping[str, Any], piece: Mapping[str, Any], file: Path) -> Receipt:
    identity = piece["identity"]
    names = {"task": data["task"], "split": identity["split"], "robot": identity["robot"], "control": ""}
    return Receipt(
        f"{piece['row']} on {piece['cell']}", _found(piece["who"], file), names, identity["options"], piece,
        identity, identity["control"], piece["cell"],
    )  # fmt: skip


def _of_row(row: Mapping[str, Any], config: Mapping[str, Any], file: Path, keys: Sequence[str]) -> Receipt:
    who = str(config.get("who") or config["what"])
    usual = {"robot": "lrmate200id", "control": "ee_yaw"}
    names = {**usual, **{key: row[key] for key in keys if row.get(key)}}
    env_id = str(row["identity"]["env"])
    if not env_id.startswith("Monozukuri/"):
        names["task"] = env_id  # not known by its short name
    identity = {
        **row["identity"],
        "split_hash": row.get("split_hash") or row.get("manifest", {}).get("split_hash"),
    }
    return Receipt(
        f"{row.get('agent') or who} on {row['split']}", _found(who, file), names, row.get("options") or {},
        row["episodes"], identity,
    )  # fmt: skip


def _found(who: str, file: Path) -> str:
    """A run's directory where it is now: as it was named, beside the file, or the file's own."""
    for path in (Path(who), file.parent / who, file.parent.parent / who):
        if path.is_dir():
            return str(path)
    own = file.parent
    if ("/" in who or Path(who).suffix) and ((own / "policy").is_dir() or (own / "policy.json").is_file()):
        return str(own)
    return who


# --- Running again ---------------------------------------------------------------------------------


def _again(pool: Pool, receipt: Receipt, numbers: Sequence[int]) -> tuple[list[trials.Trial], list[str]]:
    """Return second runs of some episodes, and what differs from what the first ones followed from."""
    seeds = [int(receipt.episodes["seed"][i]) for i in numbers]
    policy, request, swapped = _cell(pool, receipt) if receipt.cell else _plain(receipt)
    facts = _call(pool, trials.cell_facts, request)
    now = {
        "policy": receipts.policy_identity(receipt.who, getattr(policy, "policy", policy)),
        "split_hash": facts.split_hash,
        **receipts.made_by(EnvRequest(receipt.names["task"])),
    }
    if receipt.control == "replay":
        now["policy"] = receipt.identity.get("policy")
    was = {key: receipt.identity.get(key) for key in now}
    ran, _ = _call(pool, trials.run_trials_of, request, policy, seeds, swapped)
    return ran, receipts.differences(was, now)


def _plain(receipt: Receipt) -> tuple[Policy, EnvRequest, bool]:
    policy, request = evaluation.prepared(receipt.who, dict(receipt.names), dict(receipt.own))
    return policy, request, False


def _cell(pool: Pool, receipt: Receipt) -> tuple[Policy, EnvRequest, bool]:
    cell = BenchCell(receipt.cell, receipt.names["split"], tuple(sorted(receipt.own.items())))
    row = Row(receipt.name, (receipt.who,), control=receipt.control)
    asked = Asked(receipt.names["task"], (row,), (cell,), 1, robot=receipt.names["robot"], controls=False)
    return Run(asked, pool, _say).acting(row, cell)


def _call(pool: Pool, function: Any, *arguments: Any) -> Any:
    (done,) = pool.run([Job(None, function, arguments)])
    if done.error is not None:
        raise done.error
    return done.value


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
