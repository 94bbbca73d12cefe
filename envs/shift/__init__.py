"""A shift: one cell worked through 8 hours, event by event, by whoever fills its roles.

`decision` is the contract with those who decide, `spec` what a shift is made of, `handling` how parts get
into the machine and out. `Shift(spec, seed, handling).run(crew)` returns a ledger (`envs.ledger`).
"""

from __future__ import annotations

from envs.shift.decision import ROLES, TOOLS, Choice, Decider, Decision, ToolSpec, tool_schema
from envs.shift.handling import Handling, Outcome, Skill
from envs.shift.spec import ShiftSpec, load_shift, shift_names

__all__ = [
    "ROLES",
    "TOOLS",
    "Choice",
    "Decider",
    "Decision",
    "Handling",
    "Outcome",
    "ShiftSpec",
    "Skill",
    "ToolSpec",
    "load_shift",
    "shift_names",
    "tool_schema",
]
