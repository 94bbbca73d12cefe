"""Decision points as a shift could make them: every role, any set of its tools, any view."""

from hypothesis import strategies as st

from envs.shift.decision import EVENTS, FAULTS, ROLES, TOOLS, VIEW, WAITS, Decision

TEXTS = {
    "order": ["order-1", "order-2"],
    "part_type": ["shaft_m", "ring_m"],
    "skill": ["integrator"],
    "fault": list(FAULTS),
    "reason": list(WAITS),
    "event": list(EVENTS),
    "open_orders": ["", "order-1:shaft_m:12:55.0", "order-1:shaft_m:12:-5.0;order-2:ring_m:60:600.0"],
    "new_type": ["ring_m"],
    "setup_type": ["shaft_m"],
    "known": ["taught", "size", "geometry", "family"],
}
BY_ROLE = {role: [name for name, tool in TOOLS.items() if tool.role == role] for role in ROLES}


def value_of(key):
    """A value that a key of a view may have, None among them."""
    if key in TEXTS:
        return st.sampled_from([None, *TEXTS[key]])
    return st.one_of(st.none(), st.floats(-50, 200), st.sampled_from([0.0, 1.0]))


@st.composite
def decisions(draw, role=None):
    """A decision of a role; the first of its tools is the safe one."""
    role = role or draw(st.sampled_from(ROLES))
    tools = draw(st.lists(st.sampled_from(BY_ROLE[role]), min_size=1, unique=True))
    view = {key: draw(value_of(key)) for key in VIEW}
    return Decision(draw(st.floats(0, 1e5)), role, tuple(tools), view)


FACTS = {
    "tools": TOOLS,
    "skills": ("integrator",),
    "process": {"shaft_m": {"tolerance_um": 20.0}},
    "times_min": {"load_by_hand": 0.4, "jaws": 14.0},
    "hours": 8.0,
    "operators": 1,
    "machines_per_operator": 4,
    "prices": {},
}
