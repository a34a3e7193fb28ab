"""The hits of a search as a picture: a contact sheet that shows the working."""

import math
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError

from triptych.cli.folder import FILE_KEY
from triptych.cli.output import printable
from triptych.cli.table import leg_labels
from triptych.items import payload
from triptych.v1.search_service_pb2 import Leg, SearchHit, VectorScore

COLUMNS = 5
CELL_WIDTH = 240
PICTURE_HEIGHT = 240
MARGIN = 16
ASKED_SIDE = 120
CAPTION_LINES = 2

# Five cells side by side are often shown at two thirds of their size; these stay readable there.
LARGE = 22
MIDDLE = 17
LINE = 24
BAR_HEIGHT = 14
GAP = 8

PAPER = (255, 255, 255)
TILE = (241, 243, 244)
INK = (32, 33, 36)
FAINT = (95, 99, 104)
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
    pictures: Path | Mapping[str, bytes],
    out: Path,
    *,
    title: str = "",
    asked: Sequence[Path] = (),
) -> int:
    """Draws the hits' pictures as a grid into a PNG file; returns how many were not found.

    Each picture has its rank, score, id and caption below it, and for every leg a bar as long as
    what the leg adds, against the largest on the sheet, with the figure.

    Args:
        hits: the hits of a search, best first.
        legs: the legs of the same search.
        pictures: the files of the pictures by item id, or the folder where they are. In a folder a
            hit's payload names its own under `file`, and its id does where the payload has none; a
            path that leads out of the folder is not followed.
        out: the file to write.
        title: a line above the grid.
        asked: the pictures that were searched with, shown beside the title.

    Raises:
        OSError: `out` can't be written.
    """
    labels = leg_labels(legs)
    question = [picture for file in asked if (picture := _opened(file, (ASKED_SIDE, ASKED_SIDE)))]
    caption_lines = CAPTION_LINES if any(hit.item.caption for hit in hits) else 0
    text_height = (2 + caption_lines + len(labels)) * LINE + 2 * GAP
    cell_height = PICTURE_HEIGHT + text_height + MARGIN
    columns = max(1, min(COLUMNS, len(hits)))
    rows = -(-len(hits) // columns)
    top = MARGIN
    if question:
        top += ASKED_SIDE + MARGIN
    elif title:
        top += 2 * LINE
    width, height = _width(columns), top + (rows * cell_height or 2 * LINE)
    if title:
        # A long title may need more room than few hits take.
        beside = 2 * MARGIN + sum(picture.width + MARGIN for picture in question)
        wanted = beside + _font(LARGE).getlength(printable(title)[: COLUMNS * CELL_WIDTH])
        width = max(width, min(math.ceil(wanted), _width(COLUMNS)))
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    _heading(sheet, draw, printable(title), question)
    largest = max((s.contribution for hit in hits for s in hit.vector_scores), default=0.0)

    if not hits:
        draw.text((MARGIN, top), "no hits", fill=FAINT, font=_font(MIDDLE))

    missing = 0
    for index, hit in enumerate(hits):
        x = MARGIN + index % columns * (CELL_WIDTH + MARGIN)
        y = top + index // columns * cell_height
        draw.rectangle((x, y, x + CELL_WIDTH - 1, y + PICTURE_HEIGHT - 1), fill=TILE)
        picture = _picture(hit, pictures)
        centre = (x + CELL_WIDTH // 2, y + PICTURE_HEIGHT // 2)
        if picture is None:
            missing += 1
            draw.text(centre, "picture not found", fill=FAINT, font=_font(MIDDLE), anchor="mm")
        else:
            corner = (centre[0] - picture.width // 2, centre[1] - picture.height // 2)
            sheet.paste(picture, corner)
        below = y + PICTURE_HEIGHT + GAP
        _label(draw, hit, caption_lines, x, below)
        _bars(draw, hit, labels, largest, x, below + (2 + caption_lines) * LINE + GAP)
    sheet.save(out, format="PNG")
    return missing


def _width(columns: int) -> int:
    """The pixels of so many cells side by side."""
    return MARGIN + columns * (CELL_WIDTH + MARGIN)


def _heading(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, title: str, question: Sequence[Image.Image]
) -> None:
    left = MARGIN
    middle = MARGIN + (ASKED_SIDE if question else LINE) // 2
    for picture in question:
        sheet.paste(picture, (left, middle - picture.height // 2))
        left += picture.width + MARGIN
    heading = _fitted(draw, title, _font(LARGE), sheet.width - left - MARGIN)
    draw.text((left, middle), heading, fill=INK, font=_font(LARGE), anchor="lm")


def _label(draw: ImageDraw.ImageDraw, hit: SearchHit, caption_lines: int, x: int, y: int) -> None:
    draw.text((x, y), f"{hit.rank}", fill=INK, font=_font(LARGE))
    score = f"{hit.score:.4f}"
    draw.text((x + CELL_WIDTH, y), score, fill=INK, font=_font(LARGE), anchor="ra")
    small = _font(MIDDLE)
    name = _fitted(draw, printable(hit.item.id), small, CELL_WIDTH)
    draw.text((x, y + LINE + 2), name, fill=INK, font=small)
    caption = _wrapped(draw, printable(hit.item.caption), small, CELL_WIDTH, caption_lines)
    for number, line in enumerate(caption):
        draw.text((x, y + (2 + number) * LINE), line, fill=FAINT, font=small)


def _bars(
    draw: ImageDraw.ImageDraw,
    hit: SearchHit,
    labels: Sequence[str],
    largest: float,
    x: int,
    y: int,
) -> None:
    small = _font(MIDDLE)
    right = x + CELL_WIDTH
    bar_left, bar_right = x + 72, right - 66
    for index, (label, score) in enumerate(zip(labels, hit.vector_scores, strict=True)):
        line = y + index * LINE
        draw.text((x, line), _fitted(draw, label, small, 68), fill=INK, font=small)
        if score.contribution > 0 and largest > 0:
            length = round((bar_right - bar_left) * score.contribution / largest)
            box = (bar_left, line + 5, bar_left + max(length, 1), line + 5 + BAR_HEIGHT)
            draw.rectangle(box, fill=COLOURS[index % len(COLOURS)])
        colour = INK if score.contribution > 0 else FAINT
        draw.text((right, line), _figure(score), fill=colour, font=small, anchor="ra")


def _figure(score: VectorScore) -> str:
    if score.state == VectorScore.STATE_NO_SHARED_TERM:
        return "no term"
    if score.state == VectorScore.STATE_BELOW_THRESHOLD:
        return "too low"
    if score.state != VectorScore.STATE_SCORED:
        return "no vector"
    return f"{score.contribution:+.3f}"


def _picture(hit: SearchHit, pictures: Path | Mapping[str, bytes]) -> Image.Image | None:
    """The hit's picture, upright and small enough for its cell; None where there is none."""
    if not isinstance(pictures, Path):
        data = pictures.get(hit.item.id)
        return None if data is None else _opened(BytesIO(data), (CELL_WIDTH, PICTURE_HEIGHT))
    name = payload(hit.item).get(FILE_KEY, hit.item.id)
    if not isinstance(name, str) or "\x00" in name:
        return None
    root = pictures.resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root):
        return None
    return _opened(path, (CELL_WIDTH, PICTURE_HEIGHT))


def _opened(file: Path | BytesIO, size: tuple[int, int]) -> Image.Image | None:
    """A picture file, upright, on paper and inside `size` (pixels); None where it is none."""
    try:
        with Image.open(file) as opened:
            opened.draft("RGB", (2 * size[0], 2 * size[1]))
            upright = ImageOps.exif_transpose(opened).convert("RGBA")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError, SyntaxError):
        return None
    paper = Image.new("RGBA", upright.size, PAPER)
    flat = Image.alpha_composite(paper, upright).convert("RGB")
    return ImageOps.contain(flat, size)


def _wrapped(draw: ImageDraw.ImageDraw, text: str, font: Font, width: int, most: int) -> list[str]:
    """`text` in at most `most` lines; of what does not fit, the last one shows the beginning."""
    lines: list[str] = []
    words = text.split()
    while words and len(lines) < most - 1:
        line = words.pop(0)
        while words and draw.textlength(f"{line} {words[0]}", font=font) <= width:
            line += f" {words.pop(0)}"
        lines.append(_clipped(draw, line, font, width))
    if words and most:
        lines.append(_clipped(draw, " ".join(words), font, width))
    return lines


def _clipped(draw: ImageDraw.ImageDraw, text: str, font: Font, width: int) -> str:
    """`text`, its end left out if it is wider than `width` pixels."""
    if len(text) <= width and draw.textlength(text, font=font) <= width:
        return text
    keep = min(len(text), width)
    while keep > 1 and draw.textlength(f"{text[:keep]}…", font=font) > width:
        keep -= 1
    return f"{text[:keep].rstrip()}…"


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
