"""One table out of several `benchmark.json`: rows that were measured apart, on the same episodes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.benchmarking.cells import cells_of
from experiments.benchmarking.pooling import pooled_row
from experiments.benchmarking.rows import STANDING
from experiments.benchmarking.table import averages, classical, paired
from experiments.errors import UserError, read_json

# What has to be the same, for figures to stand in one table.
_SAME = ("task", "quick", "n_episodes", "seed", "split_seed")


def join(files: Sequence[Path]) -> dict[str, Any]:
    """Return the figures of several `benchmark.json` as one: rows and cells of all, every pair tested anew.

    Rows of one name are one row: with the cells of both, where the same policies did them; with the policies
    of both, where these are others and the cells the same. A row whose policies are some of another's of its
    name is left out where the other has all its cells. What was made with another simulation than most is
    marked, as what `--stale keep` keeps.

    Raises:
        UserError: If a file is no table of a cell, or does not fit the others: another task, number of
            episodes or seed, other parts in a cell, another arm, or other policies under the same name.
    """
    tables = {str(file): _read(file) for file in files}
    (first, head), *others = tables.items()
    for name, table in others:
        for key in _SAME:
            if table[key] != head[key]:
                raise UserError(
                    f"{name!r} has {key} {table[key]!r}, and {first!r} {head[key]!r}: these are two tables"
                )
    episodes = [e for table in tables.values() for e in table["episodes"]]
    _check_arms(episodes)
    rows: dict[str, dict[str, Any]] = {}
    kept: dict[tuple[str, str, int], Mapping[str, Any]] = {}
    for name, table in tables.items():
        for row in table["rows"]:
            rows[row["name"]] = _merged(rows.get(row["name"]), row, name)
    for e in episodes:
        row = rows[e["row"]]
        if e["who"] in row["who"]:
            kept.setdefault((e["row"], e["cell"], row["who"].index(e["who"])), e)
    _mark(rows, list(kept.values()))
    cells = _cells(tables)
    ordered = _ordered(list(rows.values()))
    outcomes = {row["name"]: _outcomes(row, kept) for row in ordered if not row["control"]}
    for row in ordered:
        row.update(averages(outcomes.get(row["name"], {})))
    return {
        **{key: head[key] for key in ("kind", *_SAME)},
        "cells": cells,
        "rows": ordered,
        "paired": paired(outcomes, [cell["name"] for cell in cells]),
        "classical": classical(ordered),
        "failed": [failed for table in tables.values() for failed in table["failed"]],
        "redone_episodes": sum(table["redone_episodes"] for table in tables.values()),
        "episodes": [{**e, "member": member} for (_, _, member), e in kept.items()],
        "published": head["published"],
        "clips": [],
        "joined": list(tables),
        "wall_s": sum(table["wall_s"] for table in tables.values()),
    }


def _read(file: Path) -> dict[str, Any]:
    table = read_json(file)
    if not isinstance(table, dict) or table.get("kind") != "cells":
        raise UserError(f"{str(file)!r} is no table of a cell: the benchmark.json of one is needed")
    needed = (*_SAME, "cells", "rows", "failed", "redone_episodes", "episodes", "published", "wall_s")
    for key in needed:
        if key not in table:
            raise UserError(f"{str(file)!r} has no {key!r}: benchmark anew")
    return dict(table)


def _check_arms(episodes: Sequence[Mapping[str, Any]]) -> None:
    arms = sorted({e["identity"]["robot"] for e in episodes})
    if len(arms) > 1:
        raise UserError(f"robot is {arms[0]!r} in some and {arms[1]!r} in others: these are two tables")


def _merged(there: dict[str, Any] | None, row: Mapping[str, Any], file: str) -> dict[str, Any]:
    """A row with what another file tells of it."""
    if there is None:
        return {**row, "cells": dict(row["cells"])}
    ours, theirs = _weights(there), _weights(row)
    if ours == theirs:
        both = {**row["cells"], **there["cells"]}
        wider = there if len(there["cells"]) >= len(row["cells"]) else dict(row)
        return {**wider, "cells": both}
    others = not set(ours) & set(theirs) and not set(there["who"]) & set(row["who"])
    if others and there["cells"].keys() == row["cells"].keys():
        return pooled_row(there, row)
    small, large = (there, dict(row)) if len(ours) < len(theirs) else (dict(row), there)
    if not (set(_weights(small)) < set(_weights(large)) and small["cells"].keys() <= large["cells"].keys()):
        raise UserError(
            f"{file!r} has a row {row['name']!r} of other policies that do not add up: "
            "benchmark it as NAME=RUN"
        )
    return {**large, "cells": dict(large["cells"])}


def _weights(row: Mapping[str, Any]) -> list[str]:
    """What tells policies apart, wherever their folders lie."""
    return [
        json.dumps(p, sort_keys=True) if p else who
        for p, who in zip(row["policies"], row["who"], strict=True)
    ]


def _mark(rows: Mapping[str, Mapping[str, Any]], episodes: Sequence[Mapping[str, Any]]) -> None:
    """Mark cells that were made with another simulation than most."""
    made = Counter(e["identity"]["simulation"] for e in episodes)
    usual = made.most_common(1)[0][0] if made else None
    for e in episodes:
        simulation = e["identity"]["simulation"]
        cell = rows[e["row"]]["cells"].get(e["cell"])
        if simulation != usual and cell is not None:
            cell["stale"] = sorted({*cell["stale"], f"simulation {simulation}, the others {usual}"})


def _cells(tables: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """All cells, in the order of the usual table, those that are not of it after."""
    found: dict[str, dict[str, Any]] = {}
    for name, table in tables.items():
        for cell in table["cells"]:
            known = found.setdefault(cell["name"], cell)
            if any(known[key] != cell[key] for key in ("split", "options", "split_hash")):
                raise UserError(f"{name!r} has another cell {cell['name']!r} than {next(iter(tables))!r}")
    head = next(iter(tables.values()))
    usual = [cell.name for cell in cells_of(head["task"], (), head["split_seed"])]
    places = {name: i for i, name in enumerate([*usual, *(n for n in found if n not in usual)])}
    return sorted(found.values(), key=lambda cell: places[cell["name"]])


def _ordered(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The standing rows first; controls after what they are controls of."""
    own = [row for row in rows if not row["control"]]
    own.sort(key=lambda row: STANDING.index(row["name"]) if row["name"] in STANDING else len(STANDING))
    return [found for row in own for found in (row, *(c for c in rows if c["base"] == row["name"]))]


def _outcomes(row: Mapping[str, Any], kept: Mapping[tuple[str, str, int], Mapping[str, Any]]) -> Any:
    """(policies, episodes) of success by cell; cells that a policy lacks are left out."""
    found = {}
    for cell in row["cells"]:
        members = [kept.get((row["name"], cell, k)) for k in range(len(row["who"]))]
        if all(member is not None for member in members):
            found[cell] = np.array([member["success"] for member in members if member], float)
    return found
