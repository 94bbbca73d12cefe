"""Pictures by the engine's software renderer, fixed things drawn once and moving ones put before them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from robots.scene_types import CameraSpec, Cover, Light, Picture

# Fixed pictures that are kept until the next rebuild; more than any cell has cameras.
_BACKGROUNDS = 32
# A room of this half width about the origin, its floor so far down: what is seen where there is no body.
ROOM_M, FLOOR_M = 2.5, -0.5
# Colours (h, w) as four bytes in one number, depth buffer (h, w) in [0, 1] and body ids (h, w).
_Layer = tuple[npt.NDArray[np.uint32], npt.NDArray[np.float32], npt.NDArray[np.int32]]


class Renderer:
    """What a World sees. It is handed the engine, which only the World imports.

    Args:
        engine: The engine's module.
        client: The World's client.
        layered: Whether fixed and moving things may be drawn apart; in a window one would see that.
    """

    def __init__(self, engine: Any, client: int, *, layered: bool):
        self._engine, self._client, self._layered = engine, client, layered
        self._fixed: list[tuple[int, int]] = []
        self._moving: list[tuple[int, int]] = []
        self._backgrounds: dict[tuple[CameraSpec, int, int, Light], _Layer] = {}
        self._covers: dict[int, Cover] = {}
        self._room: tuple[Cover, Cover] | None = None
        self._shown = "all"  # or "fixed", or "moving"

    def clear(self) -> None:
        """Forgets everything, after the engine did."""
        self._fixed.clear()
        self._moving.clear()
        self._backgrounds.clear()
        self._covers.clear()
        self._room = None
        self._shown = "all"

    def dress(self, covers: Mapping[int, Cover], room: tuple[Cover, Cover] | None) -> None:
        """Gives fixed bodies surfaces, by which their own colours are multiplied, and puts a room round all.

        Args:
            covers: Surfaces by body.
            room: Of floor and walls, which are seen where no body is; None for no room.
        """
        self._covers.update(covers)
        self._room = room

    def add(self, body: int, link: int, *, fixed: bool) -> None:
        """Takes note of a link that can be seen."""
        (self._fixed if fixed else self._moving).append((body, link))

    def picture(
        self, spec: CameraSpec, width: int, height: int, light: Light, *, shadow: bool = False
    ) -> Picture:
        """A picture of all that was added.

        What is fixed is drawn once for each camera and light, and what moves is put before it by its depth:
        the same picture in half the time. Shadows fall from one on the other, so then all is drawn. Surfaces
        are laid on afterwards, by where in the world a pixel is: once for each fixed picture.
        """
        if shadow or not self._layered:
            whole = self._drawn("all", spec, width, height, light, shadow=shadow)
            return self._picture(spec, *self._covered(whole, spec, light))
        key = (spec, width, height, light)
        if key not in self._backgrounds:
            if len(self._backgrounds) >= _BACKGROUNDS:
                self._backgrounds.clear()
            fixed = self._drawn("fixed", spec, width, height, light)
            self._backgrounds[key] = self._covered(fixed, spec, light)
        behind, front = self._backgrounds[key], self._drawn("moving", spec, width, height, light)
        nearer = front[1] < behind[1]
        return self._picture(spec, *(np.where(nearer, a, b) for a, b in zip(front, behind, strict=True)))

    def look_from(self, spec: CameraSpec) -> None:
        """Puts the window's view where a camera is."""
        dx, dy, dz = (b - a for a, b in zip(spec.eye_m, spec.target_m, strict=True))
        distance = math.hypot(dx, dy, dz)
        yaw, pitch = -math.degrees(math.atan2(dx, dy)), math.degrees(math.asin(dz / distance))
        self._engine.resetDebugVisualizerCamera(
            distance, yaw, pitch, spec.target_m, physicsClientId=self._client
        )

    def _drawn(
        self,
        what: str,
        spec: CameraSpec,
        width: int,
        height: int,
        light: Light,
        *,
        shadow: bool = False,
    ) -> _Layer:
        """Some of the bodies."""
        self._show(what)
        view = self._engine.computeViewMatrix(spec.eye_m, spec.target_m, spec.up)
        lens = self._engine.computeProjectionMatrixFOV(spec.fov_deg, width / height, spec.near_m, spec.far_m)
        _, _, rgba, depth, mask = self._engine.getCameraImage(
            width,
            height,
            view,
            lens,
            lightDirection=light.direction,
            lightColor=light.colour,
            lightAmbientCoeff=light.ambient,
            lightDiffuseCoeff=light.diffuse,
            lightSpecularCoeff=0.05,
            shadow=int(shadow),
            renderer=self._engine.ER_TINY_RENDERER,
            physicsClientId=self._client,
        )
        return (
            np.asarray(rgba, np.uint8).reshape(height, -1).view(np.uint32),
            np.asarray(depth, np.float32).reshape(height, width),
            np.asarray(mask, np.int32).reshape(height, width),
        )

    def _covered(self, layer: _Layer, spec: CameraSpec, light: Light) -> _Layer:
        """The same with surfaces laid on and the room round it."""
        if not self._covers and self._room is None:
            return layer
        rgba, depth, mask = layer
        rgb = rgba.copy().view(np.uint8).reshape(*rgba.shape, 4)
        rays, eye = _rays(spec, *rgba.shape), np.array(spec.eye_m)
        for body, cover in self._covers.items():
            there = mask == body
            if there.any():
                far = _distance_m(spec, depth[there])[:, None] * rays[there]
                rgb[there, :3] = rgb[there, :3] * _shares(cover, far + eye)
        nothing = mask < 0
        if self._room is not None and nothing.any():
            at, floor = _room_hit(rays[nothing], eye)
            shares = np.where(floor[:, None], _shares(self._room[0], at), _shares(self._room[1], at))
            up = light.direction[2] / math.hypot(*light.direction)
            lit = light.ambient + light.diffuse * np.where(floor, up, 0.5)
            rgb[nothing, :3] = np.minimum(255.0, 255.0 * lit[:, None] * shares * light.colour)
        return rgb.reshape(*rgba.shape, 4).view(np.uint32)[:, :, 0], depth, mask

    def _show(self, what: str) -> None:
        """Makes all bodies, the fixed or the moving ones visible; the renderer leaves out what is clear."""
        if what == self._shown:
            return
        for fixed, drawn in ((True, self._fixed), (False, self._moving)):
            rgba = (1.0, 1.0, 1.0, float(what == "all" or fixed == (what == "fixed")))
            for body, link in drawn:
                self._engine.changeVisualShape(body, link, rgbaColor=rgba, physicsClientId=self._client)
        self._shown = what

    @staticmethod
    def _picture(spec: CameraSpec, rgba: Any, depth: Any, mask: Any) -> Picture:
        height, width = rgba.shape
        rgb, four = np.empty((height, width, 3), np.uint8), rgba.view(np.uint8).reshape(height, width, 4)
        for k in range(3):  # four times quicker than a copy of the slice
            rgb[:, :, k] = four[:, :, k]
        return Picture(rgb, _distance_m(spec, depth), mask)


def _distance_m(spec: CameraSpec, depth: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Along the camera's axis (m), from a depth buffer."""
    near, far = spec.near_m, spec.far_m
    depth_m = depth * np.float32(near - far)
    depth_m += np.float32(far)
    return np.divide(np.float32(far * near), depth_m, out=depth_m)


@lru_cache(maxsize=8)
def _rays(spec: CameraSpec, height: int, width: int) -> npt.NDArray[np.float64]:
    """(h, w, 3) direction of each pixel's middle in the world, of length 1 along the camera's axis."""
    eye, target, up = (np.array(v, float) for v in (spec.eye_m, spec.target_m, spec.up))
    ahead = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(ahead, up)
    right /= np.linalg.norm(right)
    down = np.cross(ahead, right)
    half = math.tan(math.radians(spec.fov_deg) / 2)
    v, u = np.indices((height, width)) + 0.5
    across, along = (2 * u - width) / height * half, (2 * v / height - 1) * half
    rays: npt.NDArray[np.float64] = ahead + across[:, :, None] * right + along[:, :, None] * down
    return rays


def _shares(cover: Cover, at: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """(n, 3) of a surface at (n, 3) places in the world."""
    x, y, z = at.T
    u, v = x + 0.5 * z, y + 0.5 * z
    c, s, n = math.cos(cover.turn_rad), math.sin(cover.turn_rad), len(cover.pixels)
    scale = n / cover.tile_m
    i, j = (
        np.floor((c * u - s * v) * scale).astype(int) % n,
        np.floor((s * u + c * v) * scale).astype(int) % n,
    )
    return cover.pixels[j, i]


def _room_hit(
    rays: npt.NDArray[np.float64], eye: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Where rays from inside the room meet it (n, 3), and whether that is the floor."""
    steep = np.where(np.abs(rays) < 1e-9, 1e-9, rays)
    walls = (np.where(steep > 0, ROOM_M, -ROOM_M) - eye) / steep
    wall = np.minimum(walls[:, 0], walls[:, 1])
    floor = np.where(steep[:, 2] < 0, (FLOOR_M - eye[2]) / steep[:, 2], np.inf)
    at: npt.NDArray[np.float64] = eye + np.minimum(wall, floor)[:, None] * rays
    return at, floor < wall
