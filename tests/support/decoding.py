"""Decoders of pictures for tests: in this process, and in one of its own as the service has it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from triptych_server.domain.decoding import Detail
from triptych_server.domain.items import Picture
from triptych_server.domain.limits import Limits
from triptych_server.encode.decoder import PictureDecoder
from triptych_server.encode.intake import ProcessIntake
from triptych_server.encode.shared_pixels import Write


class OwnDecoder:
    """What the processes of the service run, where a test can look into it."""

    def __init__(self, limits: Limits) -> None:
        self._decoder = PictureDecoder(limits)

    def decode(self, data: bytes, detail: Detail | None = None) -> Picture:
        """Raises InvalidInput."""
        made: list[NDArray[np.uint8]] = []

        def room(height: int, width: int) -> Write:
            pixels = np.empty((height, width, 3), np.uint8)
            made.append(pixels)

            def write(top: int, rows: NDArray[np.uint8]) -> None:
                pixels[top : top + len(rows)] = rows

            return write

        decoded = self._decoder.decode(data, room, detail)
        [pixels] = made
        return Picture(pixels, decoded.info, decoded.notices, decoded.scale, detail)


async def open_intake() -> ProcessIntake:
    """An intake of one process, to be closed."""
    return await ProcessIntake.open(
        Limits(), workers=1, time_limit_ms=30_000, memory_bytes=2 * 2**30
    )
