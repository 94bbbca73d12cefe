"""Policies of one recipe that were measured apart, on the same episodes, as one row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.failures import CAUSES
from experiments.stats import wilson_interval

Told = Mapping[str, Any]


def pooled_row(a: Told, b: Told) -> dict[str, Any]:
    """Return two rows of different policies, with the same cells, as one row; averages are left as they were.

    Of latencies, which cannot be added up, the median is the mean of both by steps, the 99th percentile the
    greater.
    """
    return {
        **a,
        "who": [*a["who"], *b["who"]],
        "policies": [*a["policies"], *b["policies"]],
        "n_policies": a["n_policies"] + b["n_policies"],
        "cells": {name: _cell(cell, b["cells"][name]) for name, cell in a["cells"].items()},
        "latency": _latency(a["latency"], b["latency"]),
        "where": _where([told for told in (a["where"], b["where"]) if told]),
    }


def _cell(a: Told, b: Told) -> dict[str, Any]:
    """A cell of both; scenes and what is asked in them are the same for all policies."""
    n = a["n_episodes"] + b["n_episodes"]
    failures: Counter[str] = Counter(a["failures"]) + Counter(b["failures"])
    pooled = {
        "n_episodes": n,
        **_share("n_success", "success_rate", a["n_success"] + b["n_success"], n),
        "per_policy": [*a["per_policy"], *b["per_policy"]],
        "failures": {name: failures[name] for name in CAUSES if failures[name]},
        "instructions": max(a["instructions"], b["instructions"]),
        "parts": max(a["parts"], b["parts"]),
        "skills": sorted({*a["skills"], *b["skills"]}),
        "stale": sorted({*a["stale"], *b["stale"]}),
    }
    if "took_old" in a and "took_old" in b:
        pooled["took_old"] = _share("n", "rate", a["took_old"]["n"] + b["took_old"]["n"], n)
    return pooled


def _share(count: str, rate: str, k: int, n: int) -> dict[str, Any]:
    ends = list(wilson_interval(k, n)) if n else None
    return {count: k, rate: k / n if n else None, "ci95": ends}


def _latency(a: Told, b: Told) -> dict[str, Any]:
    if not (a["n"] and b["n"]):
        return dict(a if a["n"] else b)
    n = a["n"] + b["n"]
    most = max(a["p99_ms"], b["p99_ms"])
    median = (a["n"] * a["median_ms"] + b["n"] * b["median_ms"]) / n
    in_time = most <= a["period_ms"]
    return {**a, "median_ms": median, "p99_ms": most, "n": n, "in_time": in_time}


def _where(told: Sequence[Told]) -> dict[str, Any]:
    """Shares by time, episodes a minute over all the minutes."""
    if len(told) < 2:
        return dict(told[0]) if told else {}
    n = sum(one["n_episodes"] for one in told)
    per_minute = "episodes_per_minute_per_core", "episodes_per_cpu_minute"
    minutes = [one["n_episodes"] / one[per_minute[0]] for one in told]
    return {
        **{
            key: n / sum(one["n_episodes"] / one[key] for one in told)
            if all(one[key] for one in told)
            else None
            for key in per_minute
        },
        "share": {
            name: sum(one["share"][name] * m for one, m in zip(told, minutes, strict=True)) / sum(minutes)
            for name in told[0]["share"]
        },
        "n_episodes": n,
        "n_steps": sum(one["n_steps"] for one in told),
    }
