"""Closed forms of reliability: when to replace before failure, and machines that wait for an operator."""

from __future__ import annotations

import math
from dataclasses import dataclass

from configs.figures import within

_TAIL = 200.0  # beyond, the incomplete gamma function of the orders used here is 1 to double precision


def mean_life_h(shape: float, scale_h: float, age_h: float = math.inf) -> float:
    """Return the mean time that a Weibull life spends below an age: its reliability's integral.

    Args:
        shape: Weibull shape, 0.2 to 20; above 1 it wears out.
        scale_h: Characteristic life: 63% fail before.
        age_h: Age up to which the integral runs.

    Raises:
        ValueError: for a value out of its range.
    """
    within("shape", shape, 0.2, 20.0)
    within("scale_h", scale_h, above=True)
    if age_h != math.inf:
        within("age_h", age_h)
    mean = scale_h * math.gamma(1.0 + 1.0 / shape)
    hazard = (age_h / scale_h) ** shape
    if hazard > _TAIL:
        return mean
    # The regularised lower incomplete gamma function of order 1/shape, by its series of positive terms.
    order = 1.0 / shape
    term = total = 1.0 / order
    k = order
    while term > 1e-17 * total:
        k += 1.0
        term *= hazard / k
        total += term
    share = total * math.exp(-hazard) * hazard**order / math.gamma(order)
    return mean * min(1.0, share)


def replacement_cost_rate(
    *, age_h: float, shape: float, scale_h: float, planned_cost: float, failure_cost: float
) -> float:
    """Return the long-run cost per hour of age replacement, by the renewal reward theorem.

    A part is replaced when it reaches `age_h` or fails, whichever is first: (Cp R + Cf F) / integral of R
    (Barlow and Hunter 1960). An infinite age is running to failure.

    Args:
        age_h: Age of planned replacement.
        shape: Weibull shape.
        scale_h: Weibull scale.
        planned_cost: Cost of a planned replacement.
        failure_cost: Cost of one after a failure.

    Raises:
        ValueError: for a value out of its range.
    """
    if age_h != math.inf:
        within("age_h", age_h, above=True)
    within("planned_cost", planned_cost)
    within("failure_cost", failure_cost)
    cycle_h = mean_life_h(shape, scale_h, age_h)
    survives = math.exp(-((age_h / scale_h) ** shape))
    return (planned_cost * survives + failure_cost * (1.0 - survives)) / cycle_h


def best_replacement_age_h(
    *, shape: float, scale_h: float, planned_cost: float, failure_cost: float
) -> float:
    """Return the age of planned replacement with the least cost rate, infinite where none is worth it.

    Raises:
        ValueError: for a value out of its range.
    """
    within("planned_cost", planned_cost, above=True)
    within("failure_cost", failure_cost)
    mean_life_h(shape, scale_h)
    if shape <= 1.0 or failure_cost <= planned_cost:
        return math.inf

    def excess(age_h: float) -> float:
        """The rate's derivative up to a positive factor; it rises with age where the hazard does."""
        hazard = shape / scale_h * (age_h / scale_h) ** (shape - 1.0)
        failed = -math.expm1(-((age_h / scale_h) ** shape))
        gain = failure_cost - planned_cost
        return gain * (hazard * mean_life_h(shape, scale_h, age_h) - failed) - planned_cost

    low, high = 0.0, scale_h
    while excess(high) < 0.0:
        low, high = high, 2.0 * high
        if high > 1e6 * scale_h:
            return math.inf
    for _ in range(200):
        middle = (low + high) / 2.0
        low, high = (middle, high) if excess(middle) < 0.0 else (low, middle)
    return high


@dataclass(frozen=True)
class Tended:
    """Machines that share operators, in the long run.

    Attributes:
        availability: Share of the time that a machine runs.
        operator_busy: Share of the time that an operator is at a machine.
        wait_min: Mean wait of a call until an operator comes.
        waiting: Mean number of machines that wait.
    """

    availability: float
    operator_busy: float
    wait_min: float
    waiting: float


def repairman(*, machines: int, run_min: float, service_min: float, operators: int = 1) -> Tended:
    """Return how machines and operators do in the machine-repairman queue (M/M/c//N, Palm 1947).

    Args:
        machines: Number of machines, 1 to 1000.
        run_min: Mean running time between a machine's calls.
        service_min: Mean time that an operator takes, walking included.
        operators: Number of operators, 1 or more.

    Raises:
        ValueError: for a value out of its range.
    """
    for name, count in (("machines", machines), ("operators", operators)):
        if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= 1000:
            raise ValueError(f"{name} is {count!r}: allowed is a whole number from 1 to 1000")
    within("run_min", run_min, above=True)
    within("service_min", service_min, above=True)
    load = math.log(service_min / run_min)
    # Logarithms of the unnormalised probabilities that k machines are down: they span many decades.
    logs = [0.0]
    for k in range(1, machines + 1):
        logs.append(logs[-1] + load + math.log((machines - k + 1) / min(k, operators)))
    most = max(logs)
    weights = [math.exp(value - most) for value in logs]
    norm = math.fsum(weights)
    down = math.fsum(k * w for k, w in enumerate(weights)) / norm
    served = math.fsum(min(k, operators) * w for k, w in enumerate(weights)) / norm
    calls_per_min = (machines - down) / run_min
    waiting = max(0.0, down - served)
    return Tended(1.0 - down / machines, served / operators, waiting / calls_per_min, waiting)
