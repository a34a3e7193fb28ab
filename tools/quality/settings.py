"""The settings that are compared: k, and a weight for each leg."""

from collections.abc import Sequence
from dataclasses import dataclass

LEGS = ("image", "caption", "ocr", "terms")
Weights = tuple[float, float, float, float]

KS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0)


@dataclass(frozen=True, slots=True)
class Weighting:
    """Weights of the legs, in the order of ``LEGS``, and what they are called in a table."""

    name: str
    weights: Weights


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to fuse."""

    weighting: Weighting
    k: float

    @property
    def name(self) -> str:
        """As a table names it."""
        return f"{self.weighting.name}, k = {self.k:g}"


def _weighting(name: str, **weights: float) -> Weighting:
    image, caption, ocr, terms = (weights.get(leg, 1.0) for leg in LEGS)
    return Weighting(name, (image, caption, ocr, terms))


def _only(*legs: str) -> Weighting:
    image, caption, ocr, terms = (float(leg in legs) for leg in LEGS)
    return Weighting(
        " + ".join(legs) + (" alone" if len(legs) == 1 else ""), (image, caption, ocr, terms)
    )


# All legs take part: a default that leaves out a panel is none. The simpler first: among equals
# the first is chosen.
WEIGHTINGS: tuple[Weighting, ...] = (
    _weighting("equal"),
    *(_weighting(f"{leg} 2", **{leg: 2.0}) for leg in LEGS),
    *(_weighting(f"{leg} 0.5", **{leg: 0.5}) for leg in LEGS),
    _weighting("caption 0.5, ocr 0.5", caption=0.5, ocr=0.5),
    _weighting("caption 0.25, ocr 0.25", caption=0.25, ocr=0.25),
    _weighting("terms 2, ocr 0.5", terms=2.0, ocr=0.5),
    _weighting("image 2, ocr 0.5", image=2.0, ocr=0.5),
    _weighting("caption 0.5, ocr 0.25", caption=0.5, ocr=0.25),
    _weighting("terms 3", terms=3.0),
    _weighting("ocr 0.25", ocr=0.25),
)
PARTS: tuple[Weighting, ...] = (
    *(_only(leg) for leg in LEGS),
    *(_only(one, other) for place, one in enumerate(LEGS) for other in LEGS[place + 1 :]),
)
SETTINGS: tuple[Setting, ...] = tuple(Setting(one, k) for one in WEIGHTINGS for k in KS)


def setting_of(weights: Sequence[float], k: float) -> Setting:
    """The setting of a response's weights, which are in the order of ``LEGS``.

    Weights of the same proportions rank alike, so they have the name that the table has for them.
    """
    image, caption, ocr, terms = weights
    known = (one for one in WEIGHTINGS if _in_proportion(one.weights, weights))
    name = ", ".join(f"{leg} {weight:g}" for leg, weight in zip(LEGS, weights, strict=True))
    return Setting(next(known, Weighting(name, (image, caption, ocr, terms))), k)


def _in_proportion(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(a * max(other) == b * max(one) for a, b in zip(one, other, strict=True))
