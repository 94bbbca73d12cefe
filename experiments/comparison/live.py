"""A shift as it runs, in the terminal: state, parts, OEE, the last decision and its reason."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agents.crews import crew
from envs.ledger import Ledger
from envs.shift.shift import Shift
from envs.shift.spec import load_shift
from experiments.comparison.charts import gantt
from experiments.comparison.modes import load_mode
from experiments.comparison.reading import lane, part_counts_now, visits
from experiments.comparison.shifts import handling_of, staffed
from experiments.errors import UserError, unknown, user_input
from experiments.run import RunDirectory, write_text_atomic

_OPTIONS = ("mode", "shift", "strength", "hours")
# Between two lines on paper; on a screen one line is written over again, so often.
_PRINTED_S, _SHOWN_S, _PAUSE_S = 600.0, 20.0, 0.03


class _Watched:
    """A decider that tells somebody what it answers."""

    def __init__(self, decider: Any, told: Callable[[Any, Any], None]) -> None:
        self._decider, self._told = decider, told

    def reset(self, facts: Mapping[str, Any], seed: int) -> None:
        """Begin a shift."""
        self._decider.reset(facts, seed)

    def decide(self, decision: Any) -> Any:
        """Answer, and tell."""
        answer = self._decider.decide(decision)
        self._told(decision, answer)
        return answer


def show_shift(options: Mapping[str, str], seed: int, out: Path | None, say: Callable[[str], None]) -> Path:
    """Work a shift, showing it as it goes, and leave its Gantt chart.

    Args:
        options: `mode` (autonomous), `shift` (default), `strength` of all disturbances (1), `hours`.
        seed: Of the shift.
        out: A file that ends in .svg, or a directory; None for one of its own.
        say: Writes a line.

    Raises:
        UserError: for an option or name that is unknown.
    """
    for name in options:
        if name not in _OPTIONS:
            raise unknown("option of a shift", name, _OPTIONS)
    if out is not None and out.suffix not in ("", ".svg"):
        raise UserError(f"out is {str(out)!r}: of a shift there is a Gantt chart, allowed is FILE.svg")
    mode = load_mode(options.get("mode", "autonomous"))
    with user_input():
        spec = load_shift(options.get("shift", "default"))
        spec = staffed(spec.with_strengths(all=int(options.get("strength", "1"))), mode)
        if "hours" in options:
            from envs.shift.spec import Block

            spec = spec.with_blocks(Block(hours=float(options["hours"])))
    shift = Shift(spec, seed, handling_of(mode.handling[0], "recorded"))
    screen = sys.stdout.isatty()
    last = [-1e9]

    def told(decision: Any, answer: Any) -> None:
        every = _SHOWN_S if screen else _PRINTED_S
        if decision.time_s - last[0] < every and decision.role not in ("fault_handling", "changeover"):
            return
        last[0] = decision.time_s
        line = status(shift.ledger, spec.unit, decision, answer)
        if screen:
            sys.stdout.write(f"\r\033[K{line[:200]}")
            sys.stdout.flush()
            time.sleep(_PAUSE_S)
        else:
            say(line)

    shift.run({role: _Watched(decider, told) for role, decider in crew(mode.roles).items()})
    if screen:
        say("")
    ledger = shift.ledger
    path = out
    if path is None or not path.suffix:
        path = RunDirectory.create(out, f"demo-shift-{mode.name}") / "shift.svg"
    chart = gantt(
        {mode.name: lane(ledger, spec.unit)}, {mode.name: visits(ledger)}, f"Shift {seed}, {mode.name}"
    )
    write_text_atomic(path, chart)
    return path


def status(ledger: Ledger, unit: str, decision: Any, answer: Any) -> str:
    """Return a line: the clock, state, parts, OEE so far, and the decision with its reason."""
    state, good, scrap, oee = part_counts_now(ledger, unit, decision.time_s)
    hours, minutes = divmod(int(decision.time_s // 60), 60)
    return (
        f"{hours:d}:{minutes:02d}  {state:<10} {good:4d} good {scrap:3d} scrap  OEE {oee:4.0%}  "
        f"{decision.role}: {answer.tool} ({answer.why})"
    )
