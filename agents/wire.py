"""Arrays over the wire: a zip of plain npy members, and nothing that could run code on the way back."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

LIMIT_BYTES = 64 * 2**20
_TEXT = "message"


class WireError(ValueError):
    """What came over the wire is no message, told in one line."""


def pack(values: Mapping[str, Any], arrays: Mapping[str, NDArray] | None = None) -> bytes:
    """Return a message of plain values (as JSON) and arrays by name.

    Raises:
        WireError: For an array of objects, or one called like the values' own member.
    """
    text = np.frombuffer(json.dumps(dict(values)).encode(), np.uint8)
    members = {_TEXT: text}
    for name, array in (arrays or {}).items():
        if name == _TEXT or array.dtype.hasobject:
            raise WireError(f"array {name!r} cannot be sent: numbers under another name than {_TEXT!r} can")
        members[name] = array
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **members)  # type: ignore[arg-type]
    return buffer.getvalue()


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Return the values and arrays of a message.

    Raises:
        WireError: If it is none, is damaged, or unpacks to more than `LIMIT_BYTES`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > LIMIT_BYTES:
            raise WireError(f"message of {size} bytes: allowed are {LIMIT_BYTES}")
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        values = json.loads(bytes(arrays.pop(_TEXT)))
    except WireError:
        raise
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise WireError(f"not a message: {error}") from None
    if not isinstance(values, dict):
        raise WireError(f"not a message: its values are {values!r:.60}, a mapping is needed")
    return values, arrays
