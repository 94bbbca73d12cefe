"""Crews for tests: plain rules, a person's, and one that chooses by chance, sense or nonsense."""

import numpy as np

from envs.shift import TOOLS, Choice


class Rules:
    """A plain automatic cell: retries twice, changes edges by the clock, gauges every third part."""

    def reset(self, facts, seed):
        self.facts = facts

    def decide(self, d):
        v, tools = d.view, d.tools

        def first(*names):
            return next((n for n in names if n in tools), tools[0])

        if d.role == "machining" and "cut" in tools:
            off = -0.7 * v["reading_um"] - v["corrected_um"] if v["has_reading"] else 0.0
            return Choice("cut", {"correction_um": float(np.clip(off, -30, 30))}, "dead band")
        if d.role == "tool_care":
            worn = v["edge_min"] > 12.0
            return first("sister_tool", "preset_tools") if worn else "keep_edge"
        if d.role == "measuring":
            return first("gauge") if v["since_gauged"] >= 2 or not v["has_reading"] else "skip_gauge"
        if d.role == "dispatch":
            if v["event"] in ("start", "order_done"):
                return first("start_order", "carry_on")
            if v["event"] in ("blanks_low", "starved"):
                return first("refill_tray")
            return first("rework_parts") if v["event"] == "rework_waits" else first("carry_on", "hold")
        if d.role == "fault_handling" and (v.get("attempts") or 0) < 2:
            return first("swap_broken_tool", "retry", "air_blow", "reset_alarm")
        return tools[0]


class ByHand(Rules):
    """A person loads, unloads and measures."""

    def decide(self, d):
        for tool in ("load_by_hand", "unload_by_hand", "measure_by_hand", "by_hand_only"):
            if tool in d.tools:
                return Choice(tool)
        return super().decide(d)


class Fuzz:
    """Chooses by chance: allowed tools mostly, now and then nonsense."""

    def __init__(self, nonsense=0.1):
        self.nonsense = nonsense

    def reset(self, facts, seed):
        self.rng = np.random.default_rng(seed)

    def decide(self, d):
        rng = self.rng
        if rng.random() < self.nonsense:
            bad = ["", "fly", *TOOLS]
            return Choice(bad[rng.integers(len(bad))], {"speed": float("nan"), "order": "x"}, "why not")
        # Never to hold for ever is enough to get on.
        tools = [t for t in d.tools if t != "hold"] or list(d.tools)
        tool = tools[rng.integers(len(tools))]
        values = {f.name: float(rng.uniform(f.low, f.high)) for f in TOOLS[tool].fields if f.is_number}
        return Choice(tool, values, "by chance")


def crew(decider):
    from envs.shift import ROLES

    return dict.fromkeys(ROLES, decider)
