"""Clips for the page: of the best learned row, one episode for each cause of failure, and one success."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agents.policy import Policy
from experiments.benchmarking.pieces import Piece
from experiments.benchmarking.trials import Trial
from experiments.failures import CAUSES
from experiments.rollout import EnvRequest

SUCCESS = "success"
_WIDTH = 240
_EVERY = 3  # of the film's pictures, so that a page of clips stays small


def film_causes(
    run: Any, pieces: Sequence[Piece], rows: Sequence[Mapping[str, Any]], folder: Path
) -> list[dict[str, Any]]:
    """Film what is not filmed yet, and return what the clips show.

    Args:
        run: The benchmark's run, which knows who acts.
        pieces: Its finished pieces.
        rows: The table's rows.
        folder: Where the clips go.
    """
    best = best_row(rows)
    mine = [p for p in pieces if p.row.name == best and p.error is None]
    shown = []
    for cause in (SUCCESS, *CAUSES):
        found = _first(mine, cause)
        if found is None or not run.pictures(found[0].cell):
            continue
        piece, trial = found
        path = folder / f"{cause.replace(' ', '-')}-{piece.cell.name}-{piece.member}-{trial.seed}.webp"
        if not path.is_file():
            done = run.film(piece, trial.seed, path)
            if not done:
                continue
        shown.append(
            {
                "cause": cause, "row": best, "who": piece.who, "cell": piece.cell.name, "seed": trial.seed,
                "instruction": trial.instruction, "file": f"{folder.name}/{path.name}",
            }
        )  # fmt: skip
    return shown


def best_row(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the name of the best learned row, by unseen average or success; of any, if none is learned."""
    own = [row for row in rows if not row["control"] and row["cells"]]
    learned = [row for row in own if row["learned"]] or [
        r for r in own if r["name"] not in ("random", "expert")
    ]

    def score(row: Mapping[str, Any]) -> float:
        if row.get("unseen_average"):
            return float(row["unseen_average"]["mean"])
        rates = [cell["success_rate"] or 0.0 for cell in row["cells"].values()]
        return sum(rates) / len(rates)

    return str(max(learned or own, key=score)["name"]) if own else ""


def _first(pieces: Sequence[Piece], cause: str) -> tuple[Piece, Trial] | None:
    """The first episode that ended so, in the order of the table and of the seeds."""
    for piece in pieces:
        for trial in piece.trials:
            if (trial.cause or SUCCESS) == cause:
                return piece, trial
    return None


def shoot(request: EnvRequest, policy: Policy, seed: int, path: str, fps: float) -> None:
    """Film one episode to a file, in this process."""
    from experiments.figures import write_clip
    from experiments.film import EVERY, film

    frames = film(request, policy, seed).frames(fps / EVERY / _EVERY, _WIDTH)
    rate = fps / EVERY / _EVERY
    write_clip([*frames[::_EVERY], frames[-1]], Path(path), rate)
