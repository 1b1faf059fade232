"""Writes a PNG file strip by strip, so that a large picture does not hold the event loop."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: Little time matters more than a small file: the event loop waits for each strip.
_LEVEL = 1


class PngWriter:
    """Writes one picture under a temporary name; `finish` gives it its own.

    Used as a context manager: a picture that is not finished leaves no file.

    Args:
        file: where it goes; its folder exists.
        width, height: in pixels, 1 or more.
    """

    def __init__(self, file: Path, width: int, height: int) -> None:
        self._file = file
        self._part = file.with_name(f".{file.name}.part")
        self._width = width
        self._squeeze = zlib.compressobj(_LEVEL)
        self._out: BinaryIO = open(self._part, "wb")  # noqa: SIM115 - closed by __exit__
        self._out.write(_SIGNATURE)
        # 8 bits a channel, colours without transparency, no interlace.
        self._chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))

    def __enter__(self) -> PngWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._out.close()
        self._part.unlink(missing_ok=True)

    def add_bgrx(self, pixels: bytes) -> None:
        """Add whole rows of pixels of four bytes: blue, green, red, and one that is ignored."""
        size = len(pixels) // 4
        colours = bytearray(3 * size)
        colours[0::3], colours[1::3], colours[2::3] = pixels[2::4], pixels[1::4], pixels[0::4]
        row = 3 * self._width
        rows = b"".join(
            b"\0" + colours[start : start + row] for start in range(0, len(colours), row)
        )
        self._chunk(b"IDAT", self._squeeze.compress(rows))

    def finish(self) -> None:
        """Write the end and give the file its name."""
        self._chunk(b"IDAT", self._squeeze.flush())
        self._chunk(b"IEND", b"")
        self._out.close()
        os.replace(self._part, self._file)

    def _chunk(self, kind: bytes, data: bytes) -> None:
        checked = kind + data
        self._out.write(struct.pack(">I", len(data)) + checked)
        self._out.write(struct.pack(">I", zlib.crc32(checked)))
