"""How much of a picture is decoded: every pixel of it, or as many as are needed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from triptych_server.domain.collections import Stamp

# JPEG keeps a picture as 8 × 8 cosines; at a half, a quarter and an eighth of its sides the rest
# of them is left out.
JPEG_SCALES = (8, 4, 2)


class Decoding(StrEnum):
    """How the JPEGs of a vector space are decoded; see ``Detail`` for SCALED."""

    EXACT = "exact"
    SCALED = "scaled"


@dataclass(frozen=True, slots=True)
class Detail:
    """The least that is wanted of a picture: pixels of its shorter and of its longer side.

    A picture that has less is wanted whole.
    """

    shorter: int
    longer: int

    def scale(self, width: int, height: int) -> int:
        """The largest of 1, 2, 4 and 8 by which both sides of a JPEG may be divided."""
        shorter, longer = sorted((width, height))
        fits = (s for s in JPEG_SCALES if shorter >= self.shorter * s and longer >= self.longer * s)
        return next(fits, 1)


@dataclass(frozen=True, slots=True)
class ImageWay:
    """One way in which an encoder takes pictures in: how they are decoded, and the stamp of it.

    ``detail`` is what it needs of a picture; None is every pixel.
    """

    stamp: Stamp
    detail: Detail | None


# Larger pictures are shrunk to this before they are read (``encode.ocr_sheet.LARGE_SIDE``).
FOR_READING = Detail(shorter=1, longer=2000)
