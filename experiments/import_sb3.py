"""Import the network of a stable-baselines3 zip as a policy that `evaluate` and `train --start` take.

The zip's own loader unpickles, so anybody's code in it would run. This one reads numbers only: the weights,
through PyTorch's restricted loader. It asks for --trust all the same, because loaders have had holes before.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from experiments.config import UserError, parse, run_verb


@dataclass(frozen=True)
class Config:
    """What is imported, and how it is to act."""

    file: tyro.conf.Positional[Path]
    """The zip that `model.save` wrote: PPO, A2C, SAC or TQC with a perceptron."""
    trust: bool = False
    """Say that you trust where the file comes from."""
    observation: Literal["flat", "state"] = "flat"
    """What it sees: one vector, or the goal dict."""
    control: Literal["ee_yaw", "ee", "joint"] = "ee_yaw"
    """What its actions mean."""
    activation: Literal["relu", "tanh"] | None = None
    """Between layers; None for the algorithm's default: tanh for PPO and A2C, relu for SAC and TQC."""
    normalisation: Path | None = None
    """An npz with mean and variance (or scale) of observations, if VecNormalize was used."""
    out: Path | None = None
    """Where to write; None for runs/<time>-import-<name>."""


def main(argv: Sequence[str] | None = None) -> int:
    """Import what the command line names."""
    config = parse(Config, "import_sb3", argv, __doc__)
    if not config.trust:
        raise UserError(f"{str(config.file)!r} is somebody else's file: say --trust if you know whose")
    from experiments.foreign import imported_policy
    from experiments.run import RunDirectory, manifest, write_json_atomic

    policy, sha256 = imported_policy(config)
    directory = RunDirectory.create(config.out, f"import-{config.file.stem}")
    policy.save(directory.folder("policy"))
    write_json_atomic(directory / "manifest.json", manifest(config, source_sha256=sha256))
    sizes = " x ".join(str(weight.shape[1]) for weight, _ in policy.layers)
    sys.stdout.write(f"Imported {sizes} x {len(policy.layers[-1][1])} into {directory.path}; test it:\n"
                     f"  python -m experiments.evaluate {directory.path} --task TASK\n")  # fmt: skip
    return 0


if __name__ == "__main__":
    run_verb(main)
