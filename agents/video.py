"""Films as MP4 files, by PyAV (the extra `video`)."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from fractions import Fraction
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

HINT = "pip install 'monozukuri[video]'"
# Lossless H.264 in RGB: the same pixels come back. Every tenth picture stands by itself, so that a single one
# is found quickly; no picture refers to a later one, so that they come in the order of time.
_EXACT = ("libx264rgb", "rgb24", {"qp": "0", "g": "10", "bf": "0", "preset": "fast", "threads": "1"})
# What films of others may be packed with: decoders nobody needs here are holes that nobody needs.
_DECODERS = ("h264", "hevc", "av1", "libdav1d", "libaom-av1", "vp9")
# What every player shows.
_SMALL = ("libx264", "yuv420p", {"crf": "25", "preset": "medium", "threads": "1"})


class VideoError(ValueError):
    """A film that cannot be read, told in one line."""


def available() -> bool:
    """Return whether PyAV is installed."""
    return find_spec("av") is not None


def encode(pictures: Iterable[NDArray[np.uint8]], fps: float, *, exact: bool) -> bytes:
    """Return pictures (h, w, 3) of one size as an MP4 file; the same bytes for the same pictures.

    Args:
        pictures: In turn.
        fps: Pictures a second.
        exact: Whether the same pixels must come back; else it is made for players, and sizes must be even.
    """
    import av

    codec, kind, options = _EXACT if exact else _SMALL
    file = io.BytesIO()
    with av.open(file, "w", format="mp4", options={"fflags": "+bitexact"}) as film:
        stream: Any = None
        for picture in pictures:
            if stream is None:
                stream = film.add_stream(codec, rate=Fraction(fps).limit_denominator(1000), options=options)
                stream.height, stream.width, stream.pix_fmt = *picture.shape[:2], kind
            film.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        film.mux(stream.encode())
    return file.getvalue()


def decode(
    source: bytes | str | os.PathLike[str], first: int, n: int, fps: float, out: NDArray[np.uint8]
) -> None:
    """Read pictures of a film.

    Args:
        source: An MP4 file, or its content.
        first: The first picture that is read, counted from the film's start.
        n: How many.
        fps: Pictures a second.
        out: (n, h, w, 3), where they go.

    Raises:
        VideoError: If the file is missing, damaged, shorter, of another size, or packed by a codec that no
            film here needs.
    """
    import av

    at, found = round(first / fps * 1e6), 0
    file = io.BytesIO(source) if isinstance(source, bytes) else str(source)
    try:
        with av.open(file, format="mp4", options={"codec_whitelist": ",".join(_DECODERS)}) as film:
            stream = film.streams.video[0]
            if stream.codec_context.name not in _DECODERS:
                codec = stream.codec_context.name
                raise VideoError(f"packed with {codec!r}: allowed are {', '.join(_DECODERS)}")
            film.seek(at, backward=True)  # to the picture before it that stands by itself
            for frame in film.decode(stream):
                number = round(float(frame.time) * fps) - first
                if not 0 <= number < n:
                    continue
                if (frame.height, frame.width) != out.shape[1:3]:
                    size = (frame.height, frame.width, 3)
                    raise VideoError(f"pictures of shape {size}: {out.shape[1:]} is needed")
                out[number] = frame.to_ndarray(format="rgb24")
                found += 1
                if number == n - 1:
                    break
    except (av.FFmpegError, OSError, IndexError, TypeError, ValueError) as error:
        if isinstance(error, VideoError):
            raise
        raise VideoError(f"damaged film: {' '.join(str(error).split()):.100}") from None
    if found != n:
        raise VideoError(f"{found} of the pictures {first} to {first + n - 1} are in the film")
