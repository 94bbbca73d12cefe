"""Files that are whole or absent, whatever happens while they are written."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file so that a crash at any moment leaves the old content or the new, never a part.

    The temporary file lies in the destination's folder: a rename is atomic only within one file
    system. The folder is synchronised too, or the rename itself could be lost with the power.

    Raises:
        OSError: With the file's name, if the disk is full or the folder refuses; the old file stays.
    """
    path = Path(path)
    try:
        descriptor, temporary = tempfile.mkstemp(".tmp", f".{path.name}.", dir=path.parent)
        try:
            try:
                left = memoryview(data)
                while left:
                    left = left[os.write(descriptor, left) :]
                os.fchmod(descriptor, 0o644)  # mkstemp makes files that only their owner can read
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:  # system calls on open files tell no name
        raise type(error)(error.errno, error.strerror or str(error), str(path)) from error


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Make what was renamed in a folder outlive the power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(folder: str | os.PathLike[str]) -> None:
    """Remove what writers that were killed left of `write_whole` in a folder that nobody else writes."""
    for path in Path(folder).glob(".*.tmp"):
        path.unlink(missing_ok=True)
