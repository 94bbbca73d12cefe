"""Pictures by the engine's software renderer, fixed things drawn once and moving ones put before them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from robots.scene_types import CameraSpec, Picture
from robots.spec import Vec3

# Fixed pictures that are kept until the next rebuild; more than any cell has cameras.
_BACKGROUNDS = 32
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
        self._backgrounds: dict[tuple[CameraSpec, int, int, Vec3], _Layer] = {}
        self._shown = "all"  # or "fixed", or "moving"

    def clear(self) -> None:
        """Forgets everything, after the engine did."""
        self._fixed.clear()
        self._moving.clear()
        self._backgrounds.clear()
        self._shown = "all"

    def add(self, body: int, link: int, *, fixed: bool) -> None:
        """Takes note of a link that can be seen."""
        (self._fixed if fixed else self._moving).append((body, link))

    def picture(
        self, spec: CameraSpec, width: int, height: int, light: Vec3, *, shadow: bool = False
    ) -> Picture:
        """A picture of all that was added.

        What is fixed is drawn once for each camera and light, and what moves is put before it by its depth:
        the same picture in half the time. Shadows fall from one on the other, so then all is drawn.
        """
        if shadow or not self._layered:
            return self._picture(spec, *self._drawn("all", spec, width, height, light, shadow=shadow))
        key = (spec, width, height, light)
        if key not in self._backgrounds:
            if len(self._backgrounds) >= _BACKGROUNDS:
                self._backgrounds.clear()
            self._backgrounds[key] = self._drawn("fixed", spec, width, height, light)
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
        light: Vec3,
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
            lightDirection=light,
            lightAmbientCoeff=0.55,
            lightDiffuseCoeff=0.5,
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
        near, far = spec.near_m, spec.far_m
        depth_m = depth * np.float32(near - far)
        depth_m += np.float32(far)
        return Picture(rgb, np.divide(np.float32(far * near), depth_m, out=depth_m), mask)
