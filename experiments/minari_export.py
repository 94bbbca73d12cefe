"""Demonstrations as Minari 0.5 reads them: one HDF5 file and one JSON file.

Minari keeps transitions, so the actions here are those that were executed; what the agent itself would have
done is in the infos, with the key poses. Pictures are lossless. The instruction is in each episode's options.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from tqdm import tqdm

from agents.dataset import Dataset, DatasetError, Episode, Feature
from agents.files import write_whole
from experiments.errors import UserError, user_input
from experiments.rollout import EnvRequest

_VERSION = "0.5.4"  # of Minari, whose layout this is
_FILE = "main_data.hdf5"


def check() -> None:
    """Raise `UserError` where the library that writes HDF5 is missing."""
    if find_spec("h5py") is None:
        raise UserError("format minari needs h5py: pip install 'monozukuri[minari]'")


def export(gathered: Path, out: Path, request: EnvRequest, name: str) -> None:
    """Write `out/data` from a data set whose episodes end with a frame after the last action.

    Args:
        gathered: The data set.
        out: Where; `minari.MinariDataset(out / "data")` reads it, and `minari.load_dataset` by its id where
            `out` is `$MINARI_DATASETS_PATH/<id>`.
        request: The environment.
        name: The data set's id, such as "monozukuri/loadchuck-expert-v0".
    """
    import h5py

    with user_input(DatasetError):
        data = Dataset(gathered)
        columns = {k: data.column(k) for k in data.features if not data.features[k].is_image}
    folder = out / "data"
    folder.mkdir(parents=True, exist_ok=True)
    temporary, total_steps = folder / f".{_FILE}.tmp", 0
    with h5py.File(temporary, "w", track_order=True) as file:
        for number, episode in enumerate(tqdm(data.episodes, desc="export", unit="episode", mininterval=0.5)):
            total_steps += len(episode) - 1
            frames = _frames(data, columns, episode)
            _write_episode(file.create_group(f"episode_{number}"), number, episode, frames)
    os.replace(temporary, folder / _FILE)
    recipe, spec = data.facts["recipe"], gymnasium.spec(request.id)
    options = {k: v for k, v in request.options.items() if k != "render_mode"}
    options |= {"observation": "rgb", "cameras": recipe["cameras"], "image_size": recipe["image_size"]}
    made = EnvSpec(spec.id, str(spec.entry_point), kwargs={**spec.kwargs, **options})
    meta = {
        "dataset_id": name,
        "minari_version": _VERSION,
        "data_format": "hdf5",
        "jpeg_encoding": False,
        "total_episodes": len(data.episodes),
        "total_steps": total_steps,
        "dataset_size": round((folder / _FILE).stat().st_size / 1e6, 1),
        "observation_space": json.dumps(_observations(data.features)),
        "action_space": json.dumps(_box(data.features["executed"], -1.0, 1.0)),
        "env_spec": made.to_json(),
        "algorithm_name": str(data.episodes[0].extra.get("agent")),
        "description": f"Monozukuri {request.name}, split {data.episodes[0].extra.get('split')}",
    }
    write_whole(folder / "metadata.json", json.dumps(meta).encode())


def _short(name: str) -> str:
    """A feature's name as the environment's own observation has it: image_tray, agent_pos..."""
    first, _, rest = name.removeprefix("observation.").partition(".")
    first = {"images": "image", "state": "agent_pos"}.get(first, first)
    return f"{first}_{rest}" if rest else first


def _is_observation(name: str) -> bool:
    seen = ("observation.state", "observation.machine", "observation.images.", "calibration.")
    return name.startswith(seen)


def _frames(data: Dataset, columns: Mapping[str, Any], episode: Episode) -> dict[str, Any]:
    """All features of an episode, its last frame included."""
    at = np.arange(episode.start, episode.stop)
    pictures = {k: data.images(k, at) for k, feature in data.features.items() if feature.is_image}
    return {**{k: values[at] for k, values in columns.items()}, **pictures}


def _write_episode(group: Any, number: int, episode: Episode, frames: Mapping[str, Any]) -> None:
    n = len(episode) - 1
    ends = np.arange(n) == n - 1
    success = bool(episode.extra["success"])
    group.attrs.update(id=number, seed=episode.extra["seed"], total_steps=n)
    told = {k: v for k, v in episode.extra.items() if isinstance(v, str | bool | int | float)}
    group.attrs.update({f"options/{key}": value for key, value in told.items()})
    columns = {
        "actions": frames["executed"][:n],
        "rewards": frames["next.reward"][:n].astype(np.float64),
        "terminations": ends & success,
        "truncations": ends & (not success),
    }
    for name, values in columns.items():
        group.create_dataset(name, data=values)
    rest = {name for name in frames if not _is_observation(name)} - {"executed", "next.reward"}
    for name in frames:
        if _is_observation(name):
            group.create_dataset(f"observations/{_short(name)}", data=frames[name], compression="gzip",
                                 compression_opts=1)  # fmt: skip
        elif name in rest:
            group.create_dataset(f"infos/{name}", data=frames[name], compression="gzip", compression_opts=1)


def _observations(features: Mapping[str, Feature]) -> dict[str, Any]:
    """The space of observations, as Minari writes spaces."""
    boxes = {}
    for name, feature in sorted(features.items()):
        if _is_observation(name):
            low, high = (
                (0.0, 255.0) if feature.is_image else (0.0, 1.0) if name.endswith("machine") else (-1e4, 1e4)
            )
            boxes[_short(name)] = _box(feature, low, high)
    return {"type": "Dict", "subspaces": boxes}


def _box(feature: Feature, low: float, high: float) -> dict[str, Any]:
    kind = np.dtype(feature.numpy)
    bounds = {
        name: np.full(feature.shape, value, kind).tolist() for name, value in (("low", low), ("high", high))
    }
    return {"type": "Box", "dtype": str(kind), "shape": list(feature.shape), **bounds}
