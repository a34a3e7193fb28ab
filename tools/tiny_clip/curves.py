"""Draws training curves as a PNG with Pillow alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

_WIDTH, _HEIGHT, _MARGIN = 900, 300, 48
_INKS = ((200, 40, 40), (40, 90, 200), (30, 140, 60), (200, 130, 20), (120, 60, 170))


@dataclass(frozen=True, slots=True)
class Curve:
    """One named line of ``(x, y)`` points in ascending x."""

    name: str
    points: tuple[tuple[float, float], ...]


def _panel(pen: ImageDraw.ImageDraw, top: int, title: str, curves: Sequence[Curve]) -> None:
    xs = [x for curve in curves for x, _ in curve.points]
    ys = [y for curve in curves for _, y in curve.points]
    left, right = _MARGIN, _WIDTH - 12
    upper, lower = top + 24, top + _HEIGHT - 28
    pen.rectangle((left, upper, right, lower), outline=(120, 120, 120))
    pen.text((left, top + 6), title, fill=(0, 0, 0))
    if not xs:
        return
    x0, x1 = min(xs), max(max(xs), min(xs) + 1e-9)
    y0, y1 = min(0.0, min(ys)), max(max(ys), 1e-9)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = lower - share * (lower - upper)
        pen.line((left, y, right, y), fill=(225, 225, 225))
        pen.text((4, y - 6), f"{y0 + share * (y1 - y0):.3g}", fill=(80, 80, 80))
    pen.text((left, lower + 6), f"{x0:.0f}", fill=(80, 80, 80))
    pen.text((right - 60, lower + 6), f"{x1:.0f} steps", fill=(80, 80, 80))
    for place, curve in enumerate(curves):
        ink = _INKS[place % len(_INKS)]
        line = [
            (
                left + (x - x0) / (x1 - x0) * (right - left),
                lower - (y - y0) / (y1 - y0) * (lower - upper),
            )
            for x, y in curve.points
        ]
        if len(line) > 1:
            pen.line(line, fill=ink, width=2)
        pen.text((left + 150 + 130 * place, top + 6), curve.name, fill=ink)


def write_curves(path: Path, panels: Sequence[tuple[str, Sequence[Curve]]]) -> None:
    """One panel under the other, each a title and its curves."""
    image = Image.new("RGB", (_WIDTH, _HEIGHT * len(panels)), (255, 255, 255))
    pen = ImageDraw.Draw(image)
    for place, (title, curves) in enumerate(panels):
        _panel(pen, place * _HEIGHT, title, curves)
    image.save(path, optimize=True)
