"""Renders the sprite of every thing with Noto Color Emoji.

Needs Debian's ``fonts-noto-color-emoji``; what it writes is committed, so that nobody else
needs the font. Run from the repository root: ``python -m tools.sprites.export``.
"""

import argparse
import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from tools.sprites.catalogue import SPRITE_FOLDER, load_things

NOTO_PATH = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
# The font holds bitmaps of this one size; FreeType refuses any other.
NOTO_SIZE = 109
PALETTE_COLOURS = 256


def render_emoji(emoji: str, font: ImageFont.FreeTypeFont) -> Image.Image:
    """One emoji as RGBA, cropped to its inked box; raises ``ValueError`` where nothing is drawn."""
    canvas = Image.new("RGBA", (NOTO_SIZE * 2, NOTO_SIZE * 2), (0, 0, 0, 0))
    ImageDraw.Draw(canvas).text((20, 20), emoji, font=font, embedded_color=True)
    box = canvas.getchannel("A").getbbox()
    if box is None:
        raise ValueError(f"the font draws nothing for {emoji!r}")
    return canvas.crop(box)


def main(argv: list[str] | None = None) -> int:
    """Writes ``png/<slug>.png`` for every thing; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--font", type=Path, default=NOTO_PATH)
    parser.add_argument("--out", type=Path, default=SPRITE_FOLDER)
    arguments = parser.parse_args(argv)
    font = ImageFont.truetype(str(arguments.font), NOTO_SIZE)
    arguments.out.mkdir(parents=True, exist_ok=True)
    total = 0
    things = load_things()
    for thing in things:
        sprite = render_emoji(thing.emoji, font)
        reduced = sprite.quantize(
            PALETTE_COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
        )
        path = arguments.out / f"{thing.slug}.png"
        reduced.save(path, optimize=True)
        total += path.stat().st_size
    print(f"{len(things)} sprites, {total / 1024:.0f} KiB", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
