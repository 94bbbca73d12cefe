"""What a result file keeps of its episodes, so that anyone can run some of them again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agents.learner import Episode
from agents.policy import Policy
from experiments import sources
from experiments.rollout import EnvRequest
from experiments.run import platform_fingerprint, to_plain

# What of the platform's fingerprint is told by name where it differs.
_NAMED = ("system", "libc", "numpy", "torch", "pybullet")


def episode_columns(episodes: Sequence[Episode]) -> dict[str, list[Any]]:
    """Return seeds and outcomes as columns: what `--verify` holds a second run to."""
    return {
        "seed": [e.seed for e in episodes],
        "success": [int(e.success) for e in episodes],
        "steps": [e.n_steps for e in episodes],
        "return": [e.sum_reward for e in episodes],
    }


def made_by(request: EnvRequest) -> dict[str, Any]:
    """Return what an environment's episodes follow from besides its options: code, libraries, machine."""
    return {"env": request.id, "simulation": _simulation(request), **_platform()}


def shifts_made_by() -> dict[str, Any]:
    """Return what a study's shifts follow from besides its description: code, libraries, machine."""
    return {"simulation": sources.shift_hash(), **_platform()}


def _platform() -> dict[str, Any]:
    platform = platform_fingerprint()
    return {
        "versions": {name: platform.get(name) for name in _NAMED},
        "fingerprint": platform["fingerprint"],
    }


def elsewhere(differences: Sequence[str]) -> bool:
    """Return whether some of what differs is of the machine or its libraries: rounding may differ there."""
    return any(text.startswith(("versions", "fingerprint ")) for text in differences)


def _simulation(request: EnvRequest) -> str | None:
    """The hash of an environment's code; None for one that is not ours."""
    import envs

    if request.id in envs.PROCESS_IDS:
        return sources.lot_hash()
    if request.id not in envs.CELL_IDS:
        return None
    import gymnasium

    return sources.cell_hash(gymnasium.spec(request.id).kwargs["task"])


def policy_identity(what: str, policy: Policy) -> dict[str, str]:
    """Return what tells whether a policy is still the same one: its weights, or its name, and its code.

    Args:
        what: A run's directory, or an agent's name.
        policy: What was loaded from there.
    """
    kind = type(policy)
    identity = {
        "class": f"{kind.__module__}:{kind.__qualname__}",
        "code": sources.policy_hash(kind.__module__),
    }
    folder = Path(what) / "policy"
    if folder.is_dir():
        return {**identity, "weights": sources.files_hash(p for p in folder.rglob("*") if p.is_file())}
    hyper = getattr(policy, "_hyper", None) or getattr(policy, "hyper", None)
    if foreign := getattr(hyper, "folder", ""):  # lerobot's
        files = (path for path in Path(foreign).iterdir() if path.is_file())
        return {**identity, "weights": sources.files_hash(files)}
    if Path(what).is_dir():
        return {**identity, "weights": sources.files_hash(Path(what).glob("policy*"))}
    return {**identity, "agent": what if hyper is None else f"{what} {hyper!r}"}


def differences(was: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return what differs between two identities, such as "versions.numpy 2.4.5, now 2.4.6"."""
    was, now = to_plain(was), to_plain(now)
    found: list[str] = []
    for key in sorted({*was, *now}):
        before, after = was.get(key), now.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            found += differences(before, after, f"{prefix}{key}.")
        elif before != after:
            found.append(f"{prefix}{key} {before}, now {after}")
    return found


def digest(data: Any) -> str:
    """Return a short hash of plain data."""
    return hashlib.sha256(json.dumps(to_plain(data), sort_keys=True).encode()).hexdigest()[:8]


def compact(data: Mapping[str, Any]) -> str:
    """Return JSON with a line for each key, and for each entry of its lists: readable, and short."""

    def text(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)

    entries = []
    for key, value in to_plain(data).items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            entries.append(f"{text(key)}: [\n" + ",\n".join(map(text, value)) + "\n]")
        else:
            entries.append(f"{text(key)}: {text(value)}")
    return "{\n" + ",\n".join(entries) + "\n}\n"
