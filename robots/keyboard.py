"""What is pressed on the keyboard of the engine's window."""

from __future__ import annotations

from typing import Any


class Keyboard:
    """Keys by name. It is handed the engine, which only the World imports.

    Args:
        engine: The engine's module.
        client: The World's client.
    """

    def __init__(self, engine: Any, client: int):
        self._engine, self._client = engine, client
        self._names = {
            engine.B3G_LEFT_ARROW: "left",
            engine.B3G_RIGHT_ARROW: "right",
            engine.B3G_UP_ARROW: "up",
            engine.B3G_DOWN_ARROW: "down",
            engine.B3G_BACKSPACE: "backspace",
            engine.B3G_RETURN: "enter",
            engine.B3G_SPACE: "space",
        }

    def held(self) -> frozenset[str]:
        """What is held down now: letters, digits, signs, and the names above.

        The window's own shortcuts (wire frames, shadows) end with the first call.
        """
        engine = self._engine
        engine.configureDebugVisualizer(engine.COV_ENABLE_KEYBOARD_SHORTCUTS, 0, physicsClientId=self._client)
        down = engine.KEY_IS_DOWN | engine.KEY_WAS_TRIGGERED
        events: dict[int, int] = engine.getKeyboardEvents(physicsClientId=self._client)
        pressed = [code for code, state in events.items() if state & down]
        return frozenset(
            self._names.get(code, chr(code)) for code in pressed if code in self._names or code < 128
        )
