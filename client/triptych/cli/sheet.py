"""The hits of a search as a picture: a contact sheet that shows the working."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError

from triptych.cli.folder import FILE_KEY
from triptych.cli.output import printable
from triptych.cli.table import leg_labels
from triptych.items import payload
from triptych.v1.search_service_pb2 import Leg, SearchHit, VectorScore

COLUMNS = 5
CELL_WIDTH = 240
PICTURE_HEIGHT = 180
MARGIN = 16
LINE = 18
BAR_HEIGHT = 10

PAPER = (255, 255, 255)
INK = (32, 33, 36)
FAINT = (128, 134, 139)
FRAME = (218, 220, 224)
# Told apart by people with the common colour blindnesses too (after Okabe and Ito).
COLOURS = (
    (0, 114, 178),
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (86, 180, 233),
    (213, 94, 0),
)

Font = ImageFont.ImageFont | ImageFont.FreeTypeFont


def contact_sheet(
    hits: Sequence[SearchHit],
    legs: Sequence[Leg],
    folder: Path,
    out: Path,
    *,
    title: str = "",
) -> int:
    """Draws the hits' pictures as a grid into a PNG file; returns how many were not found.

    Each picture has its rank, score and id below it, and for every leg a bar as long as what the
    leg adds, against the largest on the sheet, with the figure.

    Args:
        hits: the hits of a search, best first.
        legs: the legs of the same search.
        folder: where the pictures are. A hit's payload names its own under `file`, and its id
            does where the payload has none; a path that leads out of the folder is not followed.
        out: the file to write.
        title: a line above the grid.

    Raises:
        OSError: `out` can't be written.
    """
    labels = leg_labels(legs)
    text_height = 2 * LINE + len(labels) * LINE
    cell_height = PICTURE_HEIGHT + text_height + MARGIN
    columns = max(1, min(COLUMNS, len(hits)))
    rows = max(1, -(-len(hits) // columns))
    top = MARGIN + (2 * LINE if title else 0)
    size = (MARGIN + columns * (CELL_WIDTH + MARGIN), top + rows * cell_height)
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    if title:
        heading = _fitted(draw, printable(title), _font(20), size[0] - 2 * MARGIN)
        draw.text((MARGIN, MARGIN), heading, fill=INK, font=_font(20))
    largest = max((s.contribution for hit in hits for s in hit.vector_scores), default=0.0)

    missing = 0
    for index, hit in enumerate(hits):
        x = MARGIN + index % columns * (CELL_WIDTH + MARGIN)
        y = top + index // columns * cell_height
        picture = _picture(hit, folder)
        if picture is None:
            missing += 1
            draw.rectangle((x, y, x + CELL_WIDTH - 1, y + PICTURE_HEIGHT - 1), outline=FRAME)
            centre = (x + CELL_WIDTH // 2, y + PICTURE_HEIGHT // 2)
            draw.text(centre, "picture not found", fill=FAINT, font=_font(14), anchor="mm")
        else:
            left = x + (CELL_WIDTH - picture.width) // 2
            sheet.paste(picture, (left, y + PICTURE_HEIGHT - picture.height))
        _label(draw, hit, labels, largest, x, y + PICTURE_HEIGHT + 4)
    sheet.save(out, format="PNG")
    return missing


def _label(
    draw: ImageDraw.ImageDraw,
    hit: SearchHit,
    labels: Sequence[str],
    largest: float,
    x: int,
    y: int,
) -> None:
    draw.text((x, y), f"{hit.rank}", fill=INK, font=_font(16))
    right = x + CELL_WIDTH
    draw.text((right, y), f"{hit.score:.4f}", fill=INK, font=_font(16), anchor="ra")
    small = _font(12)
    name = _fitted(draw, printable(hit.item.id), small, CELL_WIDTH)
    draw.text((x, y + LINE), name, fill=FAINT, font=small)
    bar_left, bar_right = x + 64, right - 56
    for index, (label, score) in enumerate(zip(labels, hit.vector_scores, strict=True)):
        line = y + 2 * LINE + index * LINE
        colour = COLOURS[index % len(COLOURS)]
        draw.text((x, line), _fitted(draw, label, small, 60), fill=INK, font=small)
        if score.contribution > 0 and largest > 0:
            length = round((bar_right - bar_left) * score.contribution / largest)
            box = (bar_left, line + 3, bar_left + max(length, 1), line + 3 + BAR_HEIGHT)
            draw.rectangle(box, fill=colour)
        draw.text((right, line), _figure(score), fill=INK, font=small, anchor="ra")


def _figure(score: VectorScore) -> str:
    if score.state == VectorScore.STATE_NO_SHARED_TERM:
        return "no term"
    if score.state != VectorScore.STATE_SCORED:
        return "no vector"
    return f"{score.contribution:+.3f}"


def _picture(hit: SearchHit, folder: Path) -> Image.Image | None:
    """The hit's picture, upright and small enough for its cell; None where there is none."""
    name = payload(hit.item).get(FILE_KEY, hit.item.id)
    if not isinstance(name, str) or "\x00" in name:
        return None
    root = folder.resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root):
        return None
    try:
        with Image.open(path) as opened:
            opened.draft("RGB", (2 * CELL_WIDTH, 2 * PICTURE_HEIGHT))
            upright = ImageOps.exif_transpose(opened).convert("RGBA")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError, SyntaxError):
        return None
    paper = Image.new("RGBA", upright.size, PAPER)
    flat = Image.alpha_composite(paper, upright).convert("RGB")
    return ImageOps.contain(flat, (CELL_WIDTH, PICTURE_HEIGHT))


def _fitted(draw: ImageDraw.ImageDraw, text: str, font: Font, width: int) -> str:
    """`text`, its middle left out if it is too wide: paths differ at both ends."""
    keep = len(text)
    fitted = text
    while keep > 2 and draw.textlength(fitted, font=font) > width:
        keep -= 1
        fitted = f"{text[: keep // 2]}…{text[len(text) - (keep - keep // 2) :]}"
    return fitted


def _font(size: int) -> Font:
    return ImageFont.load_default(size)
