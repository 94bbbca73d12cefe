"""One writer for each run's folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from experiments.errors import UserError

try:
    import fcntl
except ImportError:  # not on Windows: there nothing is locked
    fcntl = None  # type: ignore[assignment]

NAME = ".lock"


@contextlib.contextmanager
def locked(folder: str | os.PathLike[str], *, wait: bool = False) -> Iterator[None]:
    """Hold a folder's lock; the system gives it back when the process ends, however it ends.

    Args:
        folder: What is to be written to by this process only.
        wait: Whether to wait for another process that holds it.

    Raises:
        UserError: If another process holds it, unless waiting is wanted.
    """
    if fcntl is None:
        yield
        return
    path = Path(folder) / NAME
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            raise UserError(
                f"{str(folder)!r} is in use by process {owner}: wait for its end, or end it"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
