"""Puts into a World what stands in a cell besides arm, parts and machine, and what only cameras see."""

from __future__ import annotations

from dataclasses import replace

from envs.cell.layout import Layout, scenery
from envs.cell.look import CameraShift, Look, heap, livery
from robots.catalog import machine_spec
from robots.machine_body import frame
from robots.scene_types import CameraSpec, Surface
from robots.spec import ZERO, Vec3
from robots.world import World


def furnish(world: World, layout: Layout, look: Look, back_m: float, *, alone: bool) -> None:
    """Tray, table and floor; things lying about, a machine behind, surfaces and the room.

    Args:
        world: Where to build.
        layout: Where things stand.
        look: What they look like.
        back_m: How far the table reaches along y.
        alone: Whether no machine stands there, so that there is room for a backdrop.
    """
    (x, y, z), (table, tray, _, _) = layout.tray_m, look.surfaces
    bare = (bool(table), bool(tray))
    for name, shapes in scenery(layout.base_m, layout.slot_pitch_m, z, back_m, bare=bare).items():
        at, turn = ((x, y, 0.0), layout.tray_turn_rad) if name == "tray" else (ZERO, 0.0)
        world.add_fixed(name, shapes, Surface(0.4), xyz_m=at, yaw_rad=turn)
    if not world.visuals:
        return
    covers = [look.cover(k) for k in range(4)]
    if look.clutter:
        world.add_fixed("clutter", heap(look.clutter))
    if look.backdrop and alone:
        spec = livery(machine_spec(look.backdrop), look.machine)
        world.add_fixed("backdrop", tuple(replace(s, collides=False) for s in frame(spec) if s.visible))
    laid = {name: c for name, c in zip(("table", "tray"), covers, strict=False) if c is not None}
    room = (covers[2], covers[3]) if covers[2] is not None and covers[3] is not None else None
    world.dress(laid, room)


def mounted(spec: CameraSpec, shift: CameraShift, aim_m: Vec3, offset_m: Vec3) -> CameraSpec:
    """A camera as it stands in an episode: its mount, what it follows, and how far off its calibration is."""
    eye = [sum(v) for v in zip(spec.eye_m, shift.eye_m, offset_m, strict=True)]
    target = [sum(v) for v in zip(spec.target_m, aim_m, strict=True)]
    return replace(
        spec,
        eye_m=(eye[0], eye[1], eye[2]),
        target_m=(target[0], target[1], target[2]),
        fov_deg=spec.fov_deg * shift.zoom,
    )
