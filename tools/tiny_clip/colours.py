"""The twelve named background colours, and how far a drawn colour may stray from each."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Colour:
    """A named colour: ``rgb`` 0..255 at its centre, ``names`` as people say them.

    ``pastel`` is how far towards white (0..1) it may go before people call it otherwise.
    """

    names: tuple[str, ...]
    rgb: tuple[int, int, int]
    pastel: float = 0.0


COLOURS: tuple[Colour, ...] = (
    Colour(("red",), (220, 40, 40), 0.1),
    Colour(("orange",), (245, 140, 30), 0.4),
    Colour(("yellow",), (250, 220, 50), 0.5),
    Colour(("green",), (50, 160, 70), 0.45),
    Colour(("turquoise", "teal", "cyan"), (60, 200, 200), 0.45),
    Colour(("blue",), (45, 90, 215), 0.45),
    Colour(("purple", "violet"), (130, 60, 180), 0.4),
    Colour(("pink",), (250, 150, 195), 0.3),
    Colour(("brown",), (120, 75, 40), 0.3),
    Colour(("black",), (18, 18, 20)),
    Colour(("white",), (250, 250, 250)),
    Colour(("gray", "grey"), (140, 140, 140)),
)

# Shades: scaled towards dark or light by at most this, then each channel moved by at most that.
_SHADE = 0.16
_CHANNEL_JITTER = 12.0
_NEUTRAL = frozenset({"black", "white", "gray"})


def jittered(colour: int, rng: np.random.Generator) -> tuple[int, int, int]:
    """A shade of ``COLOURS[colour]`` that people would still call by its name."""
    base = np.array(COLOURS[colour].rgb, dtype=np.float64)
    if COLOURS[colour].names[0] in _NEUTRAL:
        shaded = base + rng.uniform(-18, 18) + rng.uniform(-3, 3, size=3)
    else:
        shade = rng.uniform(-_SHADE, _SHADE)
        shaded = base * (1 + shade) if shade < 0 else base + (255 - base) * shade
        if rng.random() < 0.35:
            shaded = shaded + (255 - shaded) * rng.uniform(0, COLOURS[colour].pastel)
        shaded = shaded + rng.uniform(-_CHANNEL_JITTER, _CHANNEL_JITTER, size=3)
    red, green, blue = np.clip(shaded, 0, 255).astype(int).tolist()
    return red, green, blue
