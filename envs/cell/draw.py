"""What an episode draws: parts, offsets, looks, wording."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from envs.cell.candidates import Wish, choose_parts
from envs.cell.language import Wording
from envs.cell.layout import Layout
from envs.cell.look import N_CAMERAS, Look, draw_look
from envs.cell.parts import PartType
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

    @cached_property
    def across_m(self) -> float:
        """Its true size across between the jaws."""
        return self.kind.chuck_across_m + self.oversize_m

    @property
    def described(self) -> str:
        """In words, such as "small red flange in slot 2"."""
        place = f"in slot {self.slot}" if self.slot else "in the machine"
        return f"{self.kind.size} {self.colour} {self.kind.word} {place}"


@dataclass(frozen=True)
class Draw:
    """Everything that one episode draws; the named part is the first candidate.

    `nameable` are those that the task could be about instead: positions in `candidates` as it was drawn,
    before another was named.
    """

    candidates: tuple[Candidate, ...]
    nameable: tuple[int, ...]
    chuck_offset_m: Vec3
    start_m: Vec3
    finger_friction: float
    camera_offset_m: tuple[Vec3, ...]
    wording: Wording
    layout: Layout
    look: Look
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
    asked: str = ""  # where the named part shall go, where an instruction came first
    cut: tuple[int, bool] | None = None  # where the machine cuts: the seed of that, and whether it is nominal
    extra: Mapping[str, float] = field(default_factory=dict)  # factors from outside, each in its unit


def in_machine(draw: Draw) -> Draw:
    """The same draw with the named part in the machine instead of its slot, so that no other can be named."""
    named, *others = draw.candidates
    return replace(draw, candidates=(replace(named, slot=0, yaw_rad=0.0), *others), nameable=(0,))


def draw_scene(
    rng: np.random.Generator,
    split: Split,
    layout: Layout,
    *,
    workholding: str,
    only: tuple[str, ...] = (),
    wish: Wish | None = None,
) -> Draw:
    """Draws an episode: two to four candidates in different slots, offsets, looks, wording.

    Where parts lie comes from `rng`; which they are, how everything looks and what is said come from
    generators of their own beside it. So an episode's poses are the same in every split.

    Args:
        rng: Where the draws come from.
        split: What they are drawn from.
        layout: Where things usually stand.
        workholding: What the named part must suit, "chuck" or "vise"; "" for any part, "none" where there are
            no parts at all.
        only: Families that the named part may be of; empty for all of the split. Those from outside come
            into a draw by being named here.
        wish: What an instruction that came first asks for; None for anything.
    """
    episode = [*rng.integers(0, 2**32, 4).tolist(), split.fresh]
    parts_rng, look_rng, words_rng, tray_rng = (np.random.default_rng([*episode, k]) for k in range(4))
    x, y = (split.draw(tray_rng, f)[0] * 1e-3 for f in ("tray_x_mm", "tray_y_mm"))
    layout = layout.moved(x, y, math.radians(split.draw(tray_rng, "tray_turn_deg")[0]))
    candidates: list[Candidate] = []
    nameable: tuple[int, ...] = ()
    if workholding != "none":
        n, slots = int(rng.integers(2, 5)), rng.permutation(len(layout.slots_m)).tolist()
        chosen, nameable = choose_parts(parts_rng, split, n, workholding, only, wish)
        if wish is not None and wish.slot:
            slots.insert(0, slots.pop(slots.index(wish.slot - 1)))
        for (kind, colour), slot in zip(chosen, slots, strict=False):
            at = layout.slots_m[slot]
            dx, dy = split.draw(rng, "part_position_mm", 2)
            candidates.append(
                Candidate(
                    kind,
                    colour,
                    slot + 1,
                    (at[0] + dx * 1e-3, at[1] + dy * 1e-3, at[2]),
                    math.radians(split.draw(rng, "part_yaw_deg")[0]),
                    split.draw(rng, "part_size_mm")[0] * 1e-3,
                    split.draw(rng, "part_mass_ratio")[0],
                )
            )
    ox, oy = split.draw(rng, "fixture_offset_mm", 2)
    start = [a + d * 1e-3 for a, d in zip(layout.start_m, split.draw(rng, "start_offset_mm", 3), strict=True)]
    cameras = [split.draw(rng, "camera_offset_mm", 3) for _ in range(N_CAMERAS)]
    style = int(words_rng.integers(2**31))
    return Draw(
        tuple(candidates),
        nameable,
        (ox * 1e-3, oy * 1e-3, 0.0),
        (start[0], start[1], start[2]),
        split.draw(rng, "finger_friction")[0],
        tuple((c[0] * 1e-3, c[1] * 1e-3, c[2] * 1e-3) for c in cameras),
        Wording(split.choose(words_rng, "wording"), split.choose(words_rng, "words"), style),
        layout,
        draw_look(look_rng, split),
        asked=wish.target if wish is not None else "",
    )
