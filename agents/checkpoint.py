"""The only place where agents are written to files and read from them.

Arrays lie in a safetensors file that is named after its own SHA-256; a JSON file says what they are
and names it, and holds a SHA-256 of itself. The JSON is replaced last and atomically, so that a crash
at any moment leaves the old checkpoint or the new one; where two are kept, the one before stays as
`<name>-before.json`. Nothing is ever executed on loading: a class is named, and must be one of this
package's policies.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.files import write_whole
from agents.policy import Needs, Policy

FORMAT = 2
# Format 1 had no hash of the JSON itself.
_READABLE = (1, FORMAT)


class CheckpointError(ValueError):
    """A checkpoint that is missing, damaged or not ours, told in one line."""


def write(
    folder: str | os.PathLike[str],
    name: str,
    values: Mapping[str, Any],
    arrays: Mapping[str, NDArray],
    *,
    keep_before: bool = False,
) -> None:
    """Write `<name>.json` and its arrays; the folder is made if it does not exist.

    Args:
        folder: Where.
        name: The checkpoint's name.
        values: Plain values, as JSON can hold them.
        arrays: Arrays by name.
        keep_before: Keep the checkpoint that is replaced, for `read_last`.

    Raises:
        OSError: If the disk is full or the folder refuses; what was there before is whole.
    """
    from safetensors.numpy import save

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # safetensors writes the memory as it lies, so arrays must be in C order.
    data = save({key: np.asarray(array, order="C") for key, array in arrays.items()})
    digest = hashlib.sha256(data).hexdigest()
    file = f"{name}-{digest[:12]}.safetensors"
    meta = {"format": FORMAT, "arrays": file, "sha256": digest, **values}
    last, before = folder / f"{name}.json", folder / f"{name}-before.json"
    write_whole(folder / file, data)
    kept = {file}
    if keep_before and (old := _whole(last)):
        kept.add(old)
        write_whole(before, last.read_bytes())
    elif keep_before and (old := _whole(before)):  # the last one is damaged
        kept.add(old)
    write_whole(last, (json.dumps({**meta, "self": _own_hash(meta)}, indent=2) + "\n").encode())
    for old_file in folder.glob(f"{name}-{'[0-9a-f]' * 12}.safetensors"):
        if old_file.name not in kept:
            old_file.unlink(missing_ok=True)


def _own_hash(meta: Mapping[str, Any]) -> str:
    """Return the hash of a checkpoint's JSON, less the hash itself."""
    rest = {key: value for key, value in meta.items() if key != "self"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _whole(path: Path) -> str | None:
    """Return the name of a checkpoint's arrays if it is whole; None if not."""
    try:
        meta, _ = read(path.parent, path.stem)
    except CheckpointError:
        return None
    return str(meta["arrays"])


def read(folder: str | os.PathLike[str], name: str) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Return the values and arrays of a checkpoint.

    Raises:
        CheckpointError: If it is missing, damaged or of another format.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = Path(folder) / f"{name}.json"
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
        found = meta.get("format") if isinstance(meta, dict) else None
        if found not in _READABLE:
            raise CheckpointError(f"checkpoint {path}: format {found!r}, allowed is {FORMAT}")
        if found != 1 and meta["self"] != _own_hash(meta):
            raise CheckpointError(f"checkpoint {path}: damaged (SHA-256 differs)")
        file = Path(folder) / Path(str(meta["arrays"])).name
        data = file.read_bytes()
        if hashlib.sha256(data).hexdigest() != meta["sha256"]:
            raise CheckpointError(f"checkpoint {path}: {file.name} is damaged (SHA-256 differs)")
        return meta, load(data)
    except OSError as error:
        raise CheckpointError(f"checkpoint {path}: {error.strerror}: {error.filename}") from None
    except (KeyError, ValueError, RecursionError, SafetensorError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"checkpoint {path}: damaged: {error}") from None


def exists(folder: str | os.PathLike[str], name: str) -> bool:
    """Return whether there is a checkpoint of that name, be it damaged, or one before it."""
    return any((Path(folder) / f"{name}{mark}.json").is_file() for mark in ("", "-before"))


def read_last(
    folder: str | os.PathLike[str], name: str, check: Callable[[Mapping[str, Any]], None] | None = None
) -> tuple[dict[str, Any], dict[str, NDArray], str | None]:
    """Return the newest whole checkpoint, and what is wrong with a newer one that had to be left.

    Args:
        folder: Where.
        name: As it was written, with `keep_before`.
        check: Raises `CheckpointError` for values that do not fit what else there is.

    Raises:
        CheckpointError: If neither of the two is whole.
    """
    told: list[str] = []
    for which in (name, f"{name}-before"):
        try:
            values, arrays = read(folder, which)
            if check is not None:
                check(values)
        except CheckpointError as error:
            told.append(str(error))
        else:
            return values, arrays, told[0] if told else None
    raise CheckpointError("; ".join(told))


def save_policy(policy: Policy, folder: str | os.PathLike[str]) -> None:
    """Write a policy as `policy.json` and its arrays."""
    values, arrays = policy.state()
    kind = type(policy)
    meta = {"class": f"{kind.__module__}:{kind.__qualname__}", "needs": asdict(policy.needs)}
    write(folder, "policy", {**meta, "values": values}, arrays)


def load_policy(folder: str | os.PathLike[str]) -> Policy:
    """Return the policy in a folder.

    Raises:
        CheckpointError: If there is none, it is damaged, or its class is not one of ours.
    """
    meta, arrays = read(folder, "policy")
    try:
        kind = policy_class(str(meta["class"]))
        needs = {**meta["needs"], "cameras": tuple(meta["needs"].get("cameras", ()))}
        policy = kind.from_state(meta["values"], arrays)
        policy.needs = Needs(**needs)
    except (KeyError, TypeError, IndexError, ValueError, AttributeError, OverflowError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"checkpoint {folder}: {error!s}") from None
    return policy


def policy_class(path: str) -> type[Policy]:
    """Return the policy class at "agents.module:Class"."""
    module, _, name = path.partition(":")
    if module.partition(".")[0] != "agents":
        raise CheckpointError(f"checkpoint of class {path!r}: allowed are classes in agents")
    try:
        kind = getattr(import_module(module), name, None)
    except ImportError as error:
        raise CheckpointError(f"checkpoint of class {path!r}: {error}") from None
    if not isinstance(kind, type) or not issubclass(kind, Policy):
        raise CheckpointError(f"checkpoint of class {path!r}: there is no such policy")
    return kind
