"""The only place where agents are written to files and read from them.

Arrays lie in a safetensors file that is named after its own SHA-256; a JSON file says what they are
and names it. The JSON is replaced last and atomically, so that a crash at any moment leaves the old
checkpoint or the new one. Nothing is ever executed on loading: a class is named, and must be one of
this package's policies.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.policy import Needs, Policy

FORMAT = 1


class CheckpointError(ValueError):
    """A checkpoint that is missing, damaged or not ours, told in one line."""


def write(
    folder: str | os.PathLike[str],
    name: str,
    values: Mapping[str, Any],
    arrays: Mapping[str, NDArray],
) -> None:
    """Write `<name>.json` and its arrays; the folder is made if it does not exist.

    Args:
        folder: Where.
        name: The checkpoint's name.
        values: Plain values, as JSON can hold them.
        arrays: Arrays by name.
    """
    from safetensors.numpy import save

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # safetensors writes the memory as it lies, so arrays must be in C order.
    data = save({key: np.asarray(array, order="C") for key, array in arrays.items()})
    digest = hashlib.sha256(data).hexdigest()
    file = f"{name}-{digest[:12]}.safetensors"
    meta = {"format": FORMAT, "arrays": file, "sha256": digest, **values}
    replace_file(folder / file, data)
    replace_file(folder / f"{name}.json", (json.dumps(meta, indent=2) + "\n").encode())
    for old in folder.glob(f"{name}-{'[0-9a-f]' * 12}.safetensors"):
        if old.name != file:
            old.unlink(missing_ok=True)


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
        if not isinstance(meta, dict) or meta.get("format") != FORMAT:
            found = meta.get("format") if isinstance(meta, dict) else None
            raise CheckpointError(f"checkpoint {path}: format {found!r}, allowed is {FORMAT}")
        file = Path(folder) / Path(str(meta["arrays"])).name
        data = file.read_bytes()
        if hashlib.sha256(data).hexdigest() != meta["sha256"]:
            raise CheckpointError(f"checkpoint {path}: {file.name} is damaged (SHA-256 differs)")
        return meta, load(data)
    except OSError as error:
        raise CheckpointError(f"checkpoint {path}: {error.strerror}: {error.filename}") from None
    except (KeyError, UnicodeDecodeError, json.JSONDecodeError, SafetensorError) as error:
        raise CheckpointError(f"checkpoint {path}: damaged: {error}") from None


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
    except (KeyError, TypeError, IndexError) as error:
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


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that it is whole or not there at all."""
    descriptor, temporary = tempfile.mkstemp(".tmp", f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
