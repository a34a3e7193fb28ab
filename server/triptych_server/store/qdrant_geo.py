"""Boxes of the earth as Qdrant takes them.

Qdrant's own box leaves out its edges and takes -180 and 180 for two meridians.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from triptych_server.domain.filters import GeoBox

# A circle that holds a pole and no other place: the nearest other latitude is 1.5 nm away.
POLE_RADIUS_M = 1e-9


@dataclass(frozen=True, slots=True)
class OpenBox:
    """A box without its edges, in degrees; over the antimeridian where ``west > east``."""

    south: float
    west: float
    north: float
    east: float


def open_boxes(box: GeoBox) -> tuple[OpenBox, ...]:
    """Boxes without edges that together hold what ``box`` does, but for the poles."""
    if box.west > box.east:
        spans = [(box.west, 180.0), (-180.0, box.east)]
    elif (box.west, box.east) == (-180.0, 180.0):
        spans = [(-180.0, 0.0), (0.0, 180.0)]
    else:
        spans = [(box.west, box.east)]
    south = box.south if box.south == -90 else math.nextafter(box.south, -math.inf)
    north = box.north if box.north == 90 else math.nextafter(box.north, math.inf)
    return tuple(OpenBox(south, _before(west), north, _after(east)) for west, east in spans)


def poles(box: GeoBox) -> tuple[float, ...]:
    """The latitudes of the poles that ``box`` reaches."""
    return tuple(pole for pole in (-90.0, 90.0) if pole in (box.south, box.north))


def _before(west: float) -> float:
    """The last meridian to the west of ``west``."""
    return math.nextafter(180.0 if west == -180 else west, -math.inf)


def _after(east: float) -> float:
    """The first meridian to the east of ``east``."""
    return math.nextafter(-180.0 if east == 180 else east, math.inf)
