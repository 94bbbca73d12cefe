"""From primitive shapes to what the engine makes bodies of: collision shapes, and what cameras see."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable
from typing import Any

from robots import mesh
from robots.scene_types import quaternion
from robots.spec import Shape

# What the engine takes in one body; it drops the rest without a word.
MOST_SHAPES = 16


class ShapeMaker:
    """Makes shapes in one client. It is handed the engine, which only the World imports.

    Args:
        engine: The engine's module.
        client: The World's client.
        visuals: Whether to make what cameras see.
    """

    def __init__(self, engine: Any, client: int, *, visuals: bool):
        self._engine, self._client, self._visuals = engine, client, visuals
        self._kinds = {
            "box": engine.GEOM_BOX,
            "cylinder": engine.GEOM_CYLINDER,
            "capsule": engine.GEOM_CAPSULE,
            "sphere": engine.GEOM_SPHERE,
        }
        self._palette, remove = _file_of(mesh.palette_png()) if visuals else ("", _nothing)
        self._clean = weakref.finalize(self, remove)

    def begin(self) -> None:
        """Makes again what every shape needs, after the engine forgot it."""
        engine, client = self._engine, self._client
        self._texture = engine.loadTexture(self._palette, physicsClientId=client) if self._visuals else -1
        # A link without a visual would get a mesh of its collision shapes, which takes longer than the body.
        self._unseen: int = engine.createVisualShape(engine.GEOM_MESH, **mesh.SPECK, physicsClientId=client)

    def collision(self, shapes: tuple[Shape, ...]) -> int:
        """The engine's collision shape of a link; -1 if nothing collides.

        Raises:
            ValueError: if they are too many for one body.
            RuntimeError: if the engine refuses it.
        """
        solid = [s for s in shapes if s.collides]
        if not solid:
            return -1
        if len(solid) > MOST_SHAPES:
            raise ValueError(f"{len(solid)} colliding shapes in a body: allowed are up to {MOST_SHAPES}")
        boxes = [[x / 2 for x in s.size_m] if s.kind == "box" else [1.0, 1.0, 1.0] for s in solid]
        made: int = self._engine.createCollisionShapeArray(
            shapeTypes=[self._kinds[s.kind] for s in solid],
            halfExtents=boxes,
            radii=[0.0 if s.kind == "box" else s.size_m[0] for s in solid],
            lengths=[s.size_m[1] if len(s.size_m) == 2 else 0.0 for s in solid],
            collisionFramePositions=[s.xyz_m for s in solid],
            collisionFrameOrientations=[quaternion(s.rpy_rad) for s in solid],
            physicsClientId=self._client,
        )
        if made < 0:
            raise RuntimeError("the engine refused a collision shape")
        return made

    def visual(self, shapes: tuple[Shape, ...]) -> int:
        """The engine's visual shape of a link: all that is visible of it, or a speck."""
        if not self._visuals or not (arguments := mesh.mesh_arguments(shapes)):
            return self._unseen
        made: int = self._engine.createVisualShape(
            self._engine.GEOM_MESH, **arguments, physicsClientId=self._client
        )
        return made

    def paint(self, body: int, link: int, visual: int) -> bool:
        """Gives a link its colours; False where there is nothing to see."""
        if visual == self._unseen:
            return False
        self._engine.changeVisualShape(
            body, link, textureUniqueId=self._texture, physicsClientId=self._client
        )
        return True

    def close(self) -> None:
        """Takes its files away."""
        self._clean()


def _file_of(data: bytes) -> tuple[str, Callable[[], None]]:
    """A file for an engine that reads files only: its path, and what takes it away.

    It lies in memory where there is such a thing, so that a process that is killed leaves nothing behind.
    """
    if hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd"):
        descriptor = os.memfd_create("palette")
        os.write(descriptor, data)
        return f"/proc/self/fd/{descriptor}", lambda: os.close(descriptor)
    scratch = tempfile.mkdtemp(prefix="monozukuri-")
    path = os.path.join(scratch, "palette.png")
    with open(path, "wb") as file:
        file.write(data)
    return path, lambda: shutil.rmtree(scratch, ignore_errors=True)


def _nothing() -> None:
    """There is nothing to take away."""
