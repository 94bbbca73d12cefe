"""What an episode draws: parts, offsets, light, wording."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from envs.cell.layout import Layout
from envs.cell.parts import PartType, families, outside_families
from envs.cell.variation import Split
from robots.machine_body import Chip
from robots.spec import Vec3


@dataclass(frozen=True)
class Candidate:
    """A part as it lies at the start: in a slot of the tray (1, 2...), or in the machine (slot 0)."""

    kind: PartType
    colour: str
    slot: int
    at_m: Vec3
    yaw_rad: float
    oversize_m: float
    mass_ratio: float

    @property
    def across_m(self) -> float:
        """Its true size across between the jaws."""
        return self.kind.chuck_across_m + self.oversize_m


@dataclass(frozen=True)
class Draw:
    """Everything that one episode draws; the named part is the first candidate."""

    candidates: tuple[Candidate, ...]
    chuck_offset_m: Vec3
    start_m: Vec3
    finger_friction: float
    light_rad: float
    camera_offset_m: tuple[Vec3, ...]
    wording: str
    table: str
    goal_m: Vec3 = (0.0, 0.0, 0.0)
    station: str = ""
    gauge_error_um: float = 0.0
    door_closed: bool = False
    door_friction_n: float = 15.0
    door_ajar_m: float = 0.0
    # What a stress adds; see `stress.py`.
    grip_share: float = 1.0
    jaw_wear_m: float = 0.0
    chip: Chip | None = None
    latency_periods: int = 0
    dropout: float = 0.0
    stuck_signal: float = -1.0  # share of the way through the machine's signals; below 0 none
    fault_seed: int = 0
    hole_m: float = 0.0  # diameter, where a station has a hole
    cut: tuple[int, bool] | None = None  # where the machine cuts: the seed of that, and whether it is nominal
    extra: Mapping[str, float] = field(default_factory=dict)  # factors from outside, each in its unit


def in_machine(draw: Draw) -> Draw:
    """The same draw with the named part in the machine instead of its slot of the tray."""
    named, *others = draw.candidates
    return replace(draw, candidates=(replace(named, slot=0, yaw_rad=0.0), *others))


def draw_scene(
    rng: np.random.Generator,
    split: Split,
    layout: Layout,
    *,
    parts: bool,
    workholding: str,
    only: tuple[str, ...] = (),
) -> Draw:
    """Draws an episode: two to four candidates of different colour in different slots.

    Args:
        rng: Where the draws come from.
        split: What they are drawn from.
        layout: Where the slots are.
        parts: Whether there are any parts.
        workholding: What the named part must suit, "chuck" or "vise"; "" for any part.
        only: Families that the named part may be of; empty for all of the split. Those from outside come
            into a draw by being named here.
    """
    candidates: list[Candidate] = []
    if parts:
        named = [
            f
            for f in (*split.choices["families"], *(f for f in only if f in outside_families()))
            if workholding in ("", families()[f]["medium"].workholding) and (not only or f in only)
        ]
        slots = rng.permutation(len(layout.slots_m))
        colours = rng.permutation(list(split.choices["colours"])).tolist()
        for k in range(int(rng.integers(2, 5))):
            options = named if k == 0 else split.choices["families"]
            family = options[int(rng.integers(len(options)))]
            kind = families()[family][split.choose(rng, "sizes")]
            at = layout.slots_m[int(slots[k])]
            dx, dy = split.draw(rng, "part_position_mm", 2)
            candidates.append(
                Candidate(
                    kind,
                    colours[k],
                    int(slots[k]) + 1,
                    (at[0] + dx * 1e-3, at[1] + dy * 1e-3, at[2]),
                    math.radians(split.draw(rng, "part_yaw_deg")[0]),
                    split.draw(rng, "part_size_mm")[0] * 1e-3,
                    split.draw(rng, "part_mass_ratio")[0],
                )
            )
    ox, oy = split.draw(rng, "fixture_offset_mm", 2)
    start = [a + d * 1e-3 for a, d in zip(layout.start_m, split.draw(rng, "start_offset_mm", 3), strict=True)]
    cameras = [split.draw(rng, "camera_offset_mm", 3) for _ in range(4)]
    return Draw(
        tuple(candidates),
        (ox * 1e-3, oy * 1e-3, 0.0),
        (start[0], start[1], start[2]),
        split.draw(rng, "finger_friction")[0],
        math.radians(split.draw(rng, "light_deg")[0]),
        tuple((c[0] * 1e-3, c[1] * 1e-3, c[2] * 1e-3) for c in cameras),
        split.choose(rng, "wording"),
        split.choose(rng, "table"),
    )
