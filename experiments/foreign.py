"""Files that others wrote: archives are read in memory, within limits, and nothing in them is executed."""

from __future__ import annotations

import hashlib
import io
import math
import re
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from agents.networks import MlpPolicy
from agents.policy import Needs
from experiments.errors import UserError

if TYPE_CHECKING:
    from experiments.import_sb3 import Config

# A network with some ten million weights, and its optimiser.
MOST_BYTES = 256 * 2**20
MOST_MEMBERS = 4096
MOST_RATIO = 200.0
_EPSILON = 1e-8  # of VecNormalize
# Names of the layers that act, by what the algorithm's output is cut with.
_ACTORS = {
    "clip": re.compile(r"(?:mlp_extractor\.policy_net\.(\d+)|(action_net))\.(weight|bias)"),
    "tanh": re.compile(r"actor\.(?:latent_pi\.(\d+)|(mu))\.(weight|bias)"),
}


def read_archive(data: bytes, source: str) -> dict[str, bytes]:
    """Return the files in a zip by name, without writing any.

    Raises:
        UserError: For what is no zip or damaged, a name that leads out of it, a link, a name given twice, or
            more than the limits allow.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            _check_members(members, source)
            files = {}
            for member in members:
                if not member.is_dir():
                    with archive.open(member) as file:
                        # What a header says of its size may be a lie.
                        files[member.filename] = file.read(member.file_size + 1)
                    if len(files[member.filename]) != member.file_size:
                        raise UserError(f"{source}: {member.filename!r} is not as long as it says")
            return files
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{source}: not a zip that can be read: {error}") from None
    except Exception as error:  # zlib, lzma and bz2 have errors of their own
        raise UserError(f"{source}: damaged: {type(error).__name__}: {error}") from None


def _check_members(members: list[zipfile.ZipInfo], source: str) -> None:
    if len(members) > MOST_MEMBERS:
        raise UserError(f"{source}: {len(members)} files: allowed are {MOST_MEMBERS}")
    names = [member.filename for member in members]
    total, packed = sum(m.file_size for m in members), sum(m.compress_size for m in members)
    if total > MOST_BYTES:
        raise UserError(f"{source}: {total} bytes unpacked: allowed are {MOST_BYTES}")
    if total > 2**20 and total > MOST_RATIO * max(packed, 1):
        raise UserError(f"{source}: {total} bytes out of {packed}: allowed is a ratio of {MOST_RATIO:g}")
    for member, name in zip(members, names, strict=True):
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in name or not path.parts:
            raise UserError(f"{source}: {name!r} leads out of the archive")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise UserError(f"{source}: {name!r} is a link: allowed are files")
        if names.count(name) > 1:
            raise UserError(f"{source}: {name!r} is there twice")


def read_npz(file: Path) -> dict[str, NDArray]:
    """Return the arrays of numbers in an npz.

    Raises:
        UserError: For what cannot be read, is beyond the limits, or is an array of objects.
    """
    arrays = {}
    for name, data in read_archive(_bytes(file), str(file)).items():
        try:
            array = np.load(io.BytesIO(data), allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            told = str(error).partition("\n")[0]
            raise UserError(f"{file}: {name!r} is no array of numbers: {told}") from None
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
            raise UserError(f"{file}: {name!r} is no array of numbers")
        arrays[name.removesuffix(".npy")] = array
    return arrays


def imported_policy(config: Config) -> tuple[MlpPolicy, str]:
    """Return the policy in a stable-baselines3 zip, and the file's SHA-256.

    Raises:
        UserError: If it is no such file, or its network is none that is known here.
    """
    data = _bytes(config.file)
    weights = _weights(data, str(config.file))
    head, layers = _layers(weights, str(config.file))
    n = layers[0][0].shape[1]
    mean, scale = _normalisation(config.normalisation, n)
    activation = config.activation or ("tanh" if head == "clip" else "relu")
    needs = Needs(observation=config.observation, control=config.control)
    policy = MlpPolicy(layers, mean, scale, activation, head, needs)
    if not all(np.isfinite(weight).all() and np.isfinite(bias).all() for weight, bias in policy.layers):
        raise UserError(f"{config.file}: weights are not finite")
    return policy, hashlib.sha256(data).hexdigest()


def _bytes(file: Path) -> bytes:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise UserError(f"{file}: {file.stat().st_size} bytes: allowed are {MOST_BYTES}")
        return file.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {str(file)!r}: {error.strerror}") from None


def _weights(data: bytes, source: str) -> Mapping[str, Any]:
    """Return the tensors in the file's `policy.pth`."""
    import torch

    inner = read_archive(data, source).get("policy.pth")
    if inner is None:
        raise UserError(f"{source}: it holds no policy.pth: allowed are zips of stable-baselines3")
    read_archive(inner, f"{source}: policy.pth")  # for its limits
    try:
        found = torch.load(io.BytesIO(inner), map_location="cpu", weights_only=True)
    except Exception as error:  # whatever the restricted loader refuses
        told = str(error).partition("\n")[0]
        raise UserError(f"{source}: policy.pth holds more than weights, or is damaged: {told:.120}") from None
    if not isinstance(found, Mapping) or not all(isinstance(t, torch.Tensor) for t in found.values()):
        raise UserError(f"{source}: policy.pth is no mapping from names to tensors")
    return {str(name): tensor for name, tensor in found.items()}


def _actor(weights: Mapping[str, Any]) -> tuple[str, dict[float, dict[str, NDArray]]] | None:
    """Return how the output is cut, and weights and biases by the number of their layer."""
    for head, pattern in _ACTORS.items():
        named: dict[float, dict[str, NDArray]] = {}
        for name, tensor in weights.items():
            if match := pattern.fullmatch(name):
                number = float(match[1]) if match[1] else math.inf  # the last one has a name
                named.setdefault(number, {})[match[3]] = tensor.detach().float().numpy()
        if math.inf in named:
            return head, named
    return None


def _layers(weights: Mapping[str, Any], source: str) -> tuple[str, list[tuple[NDArray, NDArray]]]:
    """Return how the output is cut, and the layers of the actor in order."""
    found = _actor(weights)
    if found is None:
        raise UserError(f"{source}: its network is none of PPO, A2C, SAC and TQC with a perceptron")
    head, named = found
    if any(name.startswith("features_extractor.") for name in weights):
        raise UserError(f"{source}: it sees pictures: allowed are perceptrons on numbers")
    layers = [(part.get("weight"), part.get("bias")) for _, part in sorted(named.items())]
    width: int | None = None
    checked = []
    for weight, bias in layers:
        fits = weight is not None and bias is not None and weight.ndim == 2 and bias.shape == weight.shape[:1]
        if not fits or weight is None or bias is None or width not in (None, weight.shape[1]):
            raise UserError(f"{source}: the layers of its network do not fit together")
        width = weight.shape[0]
        checked.append((weight, bias))
    return head, checked


def _normalisation(file: Path | None, n: int) -> tuple[NDArray, NDArray]:
    if file is None:
        return np.zeros(n, np.float32), np.ones(n, np.float32)
    arrays = read_npz(file)
    scale = arrays.get("scale")
    if scale is None and "variance" in arrays:
        scale = np.sqrt(arrays["variance"].astype(np.float64) + _EPSILON)
    mean = arrays.get("mean")
    if mean is None or scale is None or mean.shape != (n,) or scale.shape != (n,):
        raise UserError(f"{file}: needed are mean and variance (or scale), {n} numbers each")
    if not (np.isfinite(mean).all() and np.isfinite(scale).all() and (scale > 0).all()):
        raise UserError(f"{file}: mean and scale must be finite, scale above 0")
    return mean, scale
