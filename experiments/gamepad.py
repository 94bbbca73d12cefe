"""A game pad: what is pressed on it, by the names of the keys that do the same."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from agents.environ import environ
from experiments.errors import UserError

HELP = """left stick: along the table   right stick: up and down, turn   left shoulder held: fine
A: gripper   X: wait   B: undo the last move   start: done   Y: next scene, without this   back: stop
the machine, where the robot commands it: cross up, down: door   cross right, left: clamp   right shoulder:
cycle start   left stick pressed: blow; the keyboard works beside it"""
# SDL's names of buttons, which are the same for pads of all makes, and the keys that do the same.
_BUTTONS = {
    "A": "space", "B": "backspace", "X": "t", "Y": "n", "START": "enter", "BACK": "z",
    "DPAD_UP": "o", "DPAD_DOWN": "l", "DPAD_RIGHT": "c", "DPAD_LEFT": "u",
    "RIGHTSHOULDER": "g", "LEFTSTICK": "b",
}  # fmt: skip
# What moves the hand along x, y, z and turns it: away from the person, to the left, up.
_STICKS = ("LEFTY", "LEFTX", "RIGHTY", "RIGHTX")
_FINE, _FULL = "LEFTSHOULDER", 32767
# A stick that is let go rests anywhere within this share of its way.
DEAD_ZONE = 0.15
_FINE_SHARE = 0.1
Tilt = tuple[float, float, float, float]
STILL: Tilt = (0.0, 0.0, 0.0, 0.0)


class Held(NamedTuple):
    """What a person does now.

    Attributes:
        keys: Names of the keys that are held.
        tilt: How far sticks ask to move along x, y and z, and to turn; each in [-1, 1].
    """

    keys: frozenset[str] = frozenset()
    tilt: Tilt = STILL


class Pad(Protocol):
    """A game pad by SDL's names."""

    def button(self, name: str) -> bool:
        """Whether it is pressed."""

    def axis(self, name: str) -> int:
        """How far a stick is pushed, -32768 to 32767; right and down count up."""

    def attached(self) -> bool:
        """Whether it is still there."""


class Gamepad:
    """What is pressed on a pad; beyond the dead zone a stick asks for the square of how far it is pushed.

    Args:
        pad: Which; the first one that is plugged in, if not given (extra `gamepad`).

    Raises:
        UserError: If there is none, or the extra is missing.
    """

    def __init__(self, pad: Pad | None = None) -> None:
        self._pad = _SdlPad() if pad is None else pad

    def held(self) -> Held:
        """What is done with it now.

        Raises:
            UserError: If it was unplugged.
        """
        pad = self._pad
        if not pad.attached():
            raise UserError("the game pad is gone: what is finished is kept, go on with --resume")
        share = _FINE_SHARE if pad.button(_FINE) else 1.0
        x, y, z, turn = (-share * _asked(pad.axis(name) / _FULL) for name in _STICKS)
        return Held(frozenset(key for name, key in _BUTTONS.items() if pad.button(name)), (x, y, z, turn))


def _asked(pushed: float) -> float:
    """What a stick asks for: nothing within the dead zone, and from its edge on finely at first."""
    size = min(1.0, max(0.0, abs(pushed) - DEAD_ZONE) / (1.0 - DEAD_ZONE))
    return size**2 if pushed > 0 else -(size**2)


class _SdlPad:
    """The first pad that SDL knows; no window of its own, so the engine's keeps the keyboard."""

    def __init__(self) -> None:
        try:
            with environ({"PYGAME_HIDE_SUPPORT_PROMPT": "1"}):
                import pygame
                from pygame._sdl2 import controller
        except ImportError:
            raise UserError(
                "agent gamepad needs the extra 'gamepad': pip install 'monozukuri[gamepad]'"
            ) from None
        self._pygame: Any = pygame
        with environ({"SDL_VIDEODRIVER": "dummy"}):
            pygame.display.init()  # events go through it
        controller.init()
        known = [n for n in range(controller.get_count()) if controller.is_controller(n)]
        if not known:
            raise UserError(
                "no game pad is plugged in (or may not be read): plug one in, or --agent keyboard"
            )
        self._pad: Any = controller.Controller(known[0])

    def button(self, name: str) -> bool:
        return bool(self._pad.get_button(getattr(self._pygame, f"CONTROLLER_BUTTON_{name}")))

    def axis(self, name: str) -> int:
        return int(self._pad.get_axis(getattr(self._pygame, f"CONTROLLER_AXIS_{name}")))

    def attached(self) -> bool:
        self._pygame.event.pump()  # all that is read afterwards is of this moment
        return bool(self._pad.attached())
