"""The colours of the demo's pictures: calm shades that are still called by their plain name."""

import random
from collections.abc import Mapping
from types import MappingProxyType

Rgb = tuple[int, int, int]

BACKGROUNDS: Mapping[str, Rgb] = MappingProxyType(
    {
        "orange": (240, 164, 92),
        "yellow": (248, 221, 120),
        "green": (122, 186, 134),
        "teal": (112, 198, 194),
        "blue": (104, 146, 220),
        "purple": (156, 122, 198),
        "pink": (246, 176, 200),
        "brown": (156, 116, 82),
        "white": (246, 244, 240),
    }
)
INK: Rgb = (34, 36, 44)
PAPER: Rgb = (253, 251, 246)
SHADOW: Rgb = (24, 26, 40)


def mix(colour: Rgb, other: Rgb, part: float) -> Rgb:
    """``colour`` with ``part`` (0..1) of ``other`` in it."""
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def shade(name: str, rng: random.Random) -> Rgb:
    """A shade near the named background colour; raises ``KeyError`` for an unknown name."""
    other = PAPER if rng.random() < 0.5 else INK
    return mix(BACKGROUNDS[name], other, rng.uniform(0.0, 0.06))
