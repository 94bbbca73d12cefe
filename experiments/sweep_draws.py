"""Hyper-parameters of a sweep's draws: at random, or where Optuna's TPE expects better ones."""

from __future__ import annotations

import importlib
import math
import warnings
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.errors import UserError

if TYPE_CHECKING:
    from experiments.sweep import Sweep

# Draws at random before there is anything to go by: a quarter of all, and no more than is usual in Optuna.
_RANDOM_SHARE, _RANDOM_MOST = 4, 10


def check_range(name: str, spread: Any) -> None:
    """Raise `ValueError` unless a range is a list of values, or low, high and log."""
    if isinstance(spread, list) and spread:
        return
    if isinstance(spread, dict) and {"low", "high"} <= spread.keys() <= {"low", "high", "log"}:
        low, high = spread["low"], spread["high"]
        good = all(type(value) in (int, float) for value in (low, high)) and low <= high
        if good and (not spread.get("log") or low > 0):
            return
    raise ValueError(
        f"ranges: {name}: {spread!r}: allowed are a list of values, or low, high (and log: true, above 0)"
    )


def drawn(plan: Sweep, number: int) -> dict[str, Any]:
    """Return the hyper-parameters of a random draw: a function of seed, number and each one's name."""
    found = {}
    for name, spread in plan.ranges.items():
        rng = np.random.default_rng([plan.sample_seed, number, zlib.crc32(name.encode())])
        share = float(rng.random())
        if isinstance(spread, list):
            found[name] = spread[int(share * len(spread))]
            continue
        low, high = spread["low"], spread["high"]
        whole = _whole(spread)
        if whole and not spread.get("log"):
            found[name] = low + int(share * (high - low + 1))
        elif spread.get("log"):
            value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
            found[name] = round(value) if whole else _rounded(value, spread)
        else:
            found[name] = _rounded(low + share * (high - low), spread)
    return found


def _whole(spread: Mapping[str, Any]) -> bool:
    return type(spread["low"]) is int and type(spread["high"]) is int


def _rounded(value: float, spread: Mapping[str, Any]) -> float:
    """To four digits, which people can read, and within the range."""
    return float(min(max(float(f"{value:.4g}"), spread["low"]), spread["high"]))


# --- Optuna ----------------------------------------------------------------------------------------


def proposed(
    plan: Sweep, about: str, tried: Sequence[tuple[Mapping[str, Any], float | None]]
) -> list[dict[str, Any]]:
    """Return the hyper-parameters of the next `plan.at_once` draws, by TPE (Bergstra et al. 2011).

    A pure function of its arguments and Optuna's version: the sampler is made anew from the sweep's seed and
    the number of draws before, and is told of those.

    Args:
        plan: The sweep.
        about: Which of its studies.
        tried: Draws before, with the validation score of each, the higher the better; None for one that
            failed.

    Raises:
        UserError: If Optuna is not installed.
    """
    optuna = _optuna()
    entropy = np.random.SeedSequence([plan.sample_seed, len(tried), zlib.crc32(about.encode())])
    spaces = {name: _space(optuna, spread) for name, spread in plan.ranges.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(
            seed=int(entropy.generate_state(1)[0]),
            n_startup_trials=min(_RANDOM_MOST, plan.samples // _RANDOM_SHARE),
            constant_liar=True,  # draws made together keep apart
        )
    study = optuna.create_study(sampler=sampler, direction="maximize")
    for values, score in tried:
        params = {name: _told(spread, values[name]) for name, spread in plan.ranges.items()}
        state = optuna.trial.TrialState.FAIL if score is None else optuna.trial.TrialState.COMPLETE
        study.add_trial(
            optuna.trial.create_trial(params=params, distributions=spaces, value=score, state=state)
        )
    n = min(plan.at_once, plan.samples - len(tried))
    return [_values(plan, study.ask(spaces).params) for _ in range(n)]


def _optuna() -> Any:
    try:
        optuna: Any = importlib.import_module("optuna")
    except ModuleNotFoundError:
        raise UserError(
            "sampler 'tpe': Optuna is not installed: pip install 'monozukuri[sweep]', or use random"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _space(optuna: Any, spread: Any) -> Any:
    """A list's values are told by their places, as they may be of any type."""
    if isinstance(spread, list):
        return optuna.distributions.CategoricalDistribution(tuple(range(len(spread))))
    kind = "IntDistribution" if _whole(spread) else "FloatDistribution"
    log = bool(spread.get("log"))
    return getattr(optuna.distributions, kind)(spread["low"], spread["high"], log=log)


def _told(spread: Any, value: Any) -> Any:
    return spread.index(value) if isinstance(spread, list) else value


def _values(plan: Sweep, params: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, spread in plan.ranges.items():
        if isinstance(spread, list):
            found[name] = spread[params[name]]
        else:
            found[name] = params[name] if _whole(spread) else _rounded(params[name], spread)
    return found
