"""Serve a policy on loopback for `--agent remote`: the interface that a large model's server needs too."""

from __future__ import annotations

import json
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any

import tyro

from experiments.config import UserError, parse, run_verb

LOOPBACK = "127.0.0.1"
# Clients that are remembered; beyond, the one that was quiet longest is forgotten.
SESSIONS = 64


@dataclass(frozen=True)
class Config:
    """What to serve, and where."""

    what: tyro.conf.Positional[str]
    """A run's directory, a folder of lerobot's, or the name of an agent that sees observations only."""
    task: str = "LoadChuck"
    """The task that it is for."""
    control: str = "ee_yaw"
    """What actions mean."""
    port: int = 8765
    """Port on the loopback interface; 0 for any that is free."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port is {self.port}: allowed are 0 to 65535")


class Sessions:
    """One policy for each client, so that clients do not disturb each other.

    Args:
        make: Makes a policy that is ready to act.
        space: What it sees; an observation of other sizes is refused. Not checked if None.
    """

    def __init__(self, make: Callable[[], Any], space: Any = None) -> None:
        self._make, self._space, self._lock = make, space, Lock()
        self._policies: OrderedDict[str, Any] = OrderedDict()

    def answer(self, what: str, data: bytes) -> bytes:
        """Return the answer to a message.

        Raises:
            ValueError: For a message that cannot be answered, in one line.
        """
        import numpy as np

        from agents.remote import ACTIONS, VECTOR
        from agents.wire import pack, unpack

        values, arrays = unpack(data)
        name = values.get("session")
        if not isinstance(name, str) or not 0 < len(name) <= 64:
            raise ValueError(f"session {name!r:.80}: a name of 1 to 64 characters is needed")
        with self._lock:  # torch is quicker with one request at a time, and answers stay in order
            if what == "reset":
                policy = self._policies.pop(name, None) or self._make()
                self._policies[name] = policy
                if len(self._policies) > SESSIONS:
                    self._policies.popitem(last=False)
                policy.reset(str(values.get("instruction", "")), int(values.get("seed", 0)))
                return pack({})
            if name not in self._policies:
                raise ValueError(f"session {name!r} is unknown: reset comes first")
            self._policies.move_to_end(name)
            _check_seen(self._space, arrays)
            seen = arrays[VECTOR] if set(arrays) == {VECTOR} else arrays
            action = self._policies[name].act(seen)
            return pack({}, {ACTIONS: np.atleast_2d(np.asarray(action, np.float32))})


def _check_seen(space: Any, arrays: Mapping[str, Any]) -> None:
    """Raise `ValueError` for an array that is missing or of another size, such as a camera's picture."""
    from agents.remote import VECTOR

    if space is None:
        return
    for name, wanted in getattr(space, "spaces", {VECTOR: space}).items():
        if name not in arrays:
            raise ValueError(f"{name} is missing: this policy is shown {', '.join(arrays) or 'nothing'}")
        if arrays[name].shape != wanted.shape:
            raise ValueError(f"{name} of shape {arrays[name].shape}: this policy sees {wanted.shape}")


def server(sessions: Sessions, port: int, facts: dict[str, Any]) -> ThreadingHTTPServer:
    """Return a server on the loopback interface; `facts` is what GET tells."""
    from agents.wire import LIMIT_BYTES

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(200, json.dumps(facts).encode(), "application/json")

        def do_POST(self) -> None:
            what, length = self.path.strip("/"), int(self.headers.get("Content-Length") or 0)
            if what not in ("reset", "act") or not 0 < length <= LIMIT_BYTES:
                self.close_connection = True  # the body is left unread
                self._send(
                    400, f"{what!r:.40}, {length} bytes: allowed are reset, act".encode(), "text/plain"
                )
                return
            data = self.rfile.read(length)
            try:
                answer = sessions.answer(what, data)
            except (ValueError, KeyError, TypeError) as error:
                self._send(400, f"{type(error).__name__}: {error}".encode(), "text/plain")
                return
            self._send(200, answer, "application/octet-stream")

        def _send(self, code: int, body: bytes, kind: str) -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing: a line for each action would drown everything."""

    try:
        return ThreadingHTTPServer((LOOPBACK, port), Handler)
    except OSError as error:
        raise UserError(f"port {port}: {error.strerror}; another --port, or 0 for any that is free") from None


def serving(config: Config) -> tuple[Sessions, dict[str, Any]]:
    """Return the sessions of a policy, and what a client may want to know of it.

    Raises:
        UserError: If there is no such policy, or it is none that acts on observations alone.
    """
    from agents.policy import Privileged, Teachable
    from experiments.evaluation import load, request_for

    policy = load(config.what, config.task, config.control)
    if isinstance(policy, Privileged | Teachable):
        raise UserError(f"{config.what!r} needs the environment itself: allowed are agents that only see")
    request = request_for(config.task, policy.needs)
    env = request.make()
    spaces: Any = env.observation_space, env.action_space
    env.close()

    def make() -> Any:
        fresh = load(config.what, config.task, config.control)
        fresh.attach(*spaces)
        return fresh

    return Sessions(make, spaces[0]), {"policy": config.what, "task": request.name, **asdict(policy.needs)}


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until interrupted."""
    config = parse(Config, "serve", argv, __doc__)
    sessions, facts = serving(config)
    with server(sessions, config.port, facts) as listening:
        host, port = listening.server_address[:2]
        sys.stdout.write(f"Serving {config.what} at http://{host!s}:{port}; Ctrl-C ends it\n")
        sys.stdout.flush()
        listening.serve_forever()
    return 0


if __name__ == "__main__":
    run_verb(main)
