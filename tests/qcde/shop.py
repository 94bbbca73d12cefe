"""A shop that writes a random ledger, and keeps its own books beside it."""

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from hypothesis import strategies as st

from envs.ledger import EXECUTION, MODE, Ledger
from envs.prices import load_prices, load_region
from experiments.qcde import Setting

# What the lathe can be doing: its element, the events that say so besides those that end what was before.
STATES = {
    "produce": ("apt", [("PRODUCTION", {}), ("ACTIVE", {})]),
    "starved": ("adet", [("PRODUCTION", {}), ("READY", {})]),
    "feed hold": ("adet", [("PRODUCTION", {}), ("FEED_HOLD", {})]),
    "set up": ("aust", [("SETUP", {}), ("STOPPED", {})]),
    "prove out": ("aust", [("PROCESS_DEVELOPMENT", {}), ("ACTIVE", {})]),
    "service": ("planned_down", [("MAINTENANCE", {"planned": True}), ("STOPPED", {})]),
    "break": ("planned_down", [("PRODUCTION", {"planned": True}), ("READY", {})]),
    "unplanned work": ("adet", [("MAINTENANCE", {}), ("STOPPED", {})]),
    "broken": ("adet", [("breakdown", {})]),
    "no order": ("adot", [("PRODUCTION", {}), ("READY", {})]),
    "idle running": ("adot", [("PRODUCTION", {}), ("ACTIVE", {})]),
    "night": ("off_shift", [("shift_end", {})]),
}
SETTING = Setting("lathe", 30.0, load_prices(), load_region("germany"), "lifecycle")


@dataclass
class Books:
    """A ledger and what a careful clerk wrote down beside it."""

    ledger: Ledger = field(default_factory=Ledger)
    element_s: dict = field(default_factory=lambda: defaultdict(float))
    fate: dict = field(default_factory=dict)
    energy_j: float = 0.0
    breakdowns: int = 0


def dimension(event):
    """What an event sets; events that set different things commute at one moment."""
    kind = event.kind
    what = "execution" if kind in EXECUTION else "mode" if kind in MODE else "other"
    return event.subject, what


@st.composite
def books(draw, max_steps=12):
    """Books of a shift of random states, parts that come and go in random ways, and power."""
    b, now, power = Books(), 0.0, 0.0
    log = b.ledger
    log.append(now, "shift_start", "lathe")
    log.append(now, "READY", "lathe")
    log.append(now, "job_start", "job-before")
    log.append(now, "job_end", "job-before")
    for k in range(draw(st.integers(1, 2))):
        log.append(now, "order_released", f"order-{k}", quantity=draw(st.integers(1, 4)), due_s=300.0)
    before, job = "starved", None
    durations = st.sampled_from([0.0, 0.1, 1.0, 30.0, 59.9, 1000.0 / 3.0])
    for n, state in enumerate(
        draw(st.lists(st.sampled_from(sorted(STATES)), min_size=1, max_size=max_steps))
    ):
        element, events = STATES[state]
        if before == "broken":
            log.append(now, "repair", "lathe")
        if before == "night":
            log.append(now, "shift_start", "lathe")
        if job is None and element != "adot":
            job = f"job-{n}"
            log.append(now, "job_start", job)
        elif job is not None and element == "adot":
            log.append(now, "job_end", job)
            job = None
        for kind, data in events:
            log.append(now, kind, "lathe", **data)
        b.breakdowns += state == "broken"
        power = draw(st.sampled_from([0.0, 400.0, 2500.5]))
        log.append(now, "power", "lathe", power_w=power)
        _parts(draw, b, now)
        spent = draw(durations)
        b.element_s[element] += spent
        b.energy_j += power * spent
        now += spent
        before = state
    log.append(now, "energy", "arm", energy_j=1234.5)
    b.energy_j += 1234.5
    log.append(now, "paid", "operator", duration_s=now / 2)
    log.append(now, "attended", "operator", duration_s=now / 3)
    return b


def _parts(draw, b, now):
    """Some parts arrive; some of those that are there are judged."""
    log = b.ledger
    for _ in range(draw(st.integers(0, 2))):
        part = f"part-{len(b.fate)}"
        b.fate[part] = []
        log.append(now, "part_arrived", part)
        log.append(now, "material", part, mass_kg=0.5)
    for part, judged in b.fate.items():
        if "scrap" in judged or len(judged) > 2:
            continue
        verdict = draw(st.sampled_from(["good", "rework", "scrap", None, None]))
        if verdict is None:
            continue
        value = draw(st.sampled_from([-0.02, 0.0, 0.003, 0.02]))
        log.append(now, "characteristic", part, name="diameter_mm", value=value, lower=-0.01, upper=0.01)
        log.append(now, f"part_{verdict}", part, order=f"order-{draw(st.integers(0, 1))}")
        judged.append(verdict)


def expected_counts(fate):
    """Count of each last verdict, None for parts in progress."""
    return Counter(judged[-1] if judged else None for judged in fate.values())


def all_numbers(data):
    """All numbers in nested dictionaries."""
    for value in data.values():
        if isinstance(value, dict):
            yield from all_numbers(value)
        elif value is not None:
            yield value


def close(a, b):
    """Whether two sums agree up to rounding."""
    return math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-9)
