"""The contact sheet of a search's answer."""

from pathlib import Path

import pytest
from PIL import Image

from tests.client.cli.answers import answer
from triptych.cli.sheet import (
    CELL_WIDTH,
    COLOURS,
    MARGIN,
    PAPER,
    PICTURE_HEIGHT,
    TILE,
    contact_sheet,
)

RED = (200, 20, 20)
GREEN = (20, 200, 20)


def pictures(folder: Path, count: int, size: tuple[int, int] = (400, 300)) -> None:
    for place in range(1, count + 1):
        Image.new("RGB", size, RED).save(folder / f"mug-{place}.png")


def colours(out: Path) -> set[tuple[int, ...]]:
    with Image.open(out) as sheet:
        found = sheet.convert("RGB").getcolors(1 << 24)
    assert found is not None
    return {colour for _, colour in found if isinstance(colour, tuple)}


@pytest.mark.parametrize(("hits", "columns", "rows"), [(1, 1, 1), (5, 5, 1), (7, 5, 2)])
def test_a_grid_of_all_hits(tmp_path: Path, hits: int, columns: int, rows: int) -> None:
    pictures(tmp_path, hits)
    response = answer("image", "caption", hits=hits)
    out = tmp_path / "sheet.png"
    assert contact_sheet(response.hits, response.legs, tmp_path, out) == 0
    with Image.open(out) as sheet:
        assert sheet.format == "PNG"
        assert sheet.width == MARGIN + columns * (CELL_WIDTH + MARGIN)
        for index in range(hits):
            x = MARGIN + index % columns * (CELL_WIDTH + MARGIN) + CELL_WIDTH // 2
            y = MARGIN + index // columns * (sheet.height - MARGIN) // rows + PICTURE_HEIGHT // 2
            assert sheet.getpixel((x, y)) == RED
    # Each leg has its own bar.
    assert set(COLOURS[:2]) <= colours(out)


def test_a_picture_that_is_not_there_is_counted_and_framed(tmp_path: Path) -> None:
    pictures(tmp_path, 1)
    (tmp_path / "mug-2.png").write_bytes(b"no picture")
    response = answer("image", hits=3)
    out = tmp_path / "sheet.png"
    assert contact_sheet(response.hits, response.legs, tmp_path, out, title="coffee") == 2
    with Image.open(out) as sheet:
        assert sheet.width == MARGIN + 3 * (CELL_WIDTH + MARGIN)


@pytest.mark.parametrize("name", ["../mug.png", "/etc/hostname", "a\x00b", 7])
def test_a_path_that_leads_out_of_the_folder_is_not_followed(tmp_path: Path, name: object) -> None:
    Image.new("RGB", (40, 30), RED).save(tmp_path / "mug.png")
    folder = tmp_path / "pictures"
    folder.mkdir()
    response = answer("image", hits=1)
    response.hits[0].item.payload["file"] = name  # type: ignore[assignment]
    assert contact_sheet(response.hits, response.legs, folder, tmp_path / "sheet.png") == 1


def test_the_id_names_the_picture_where_the_payload_does_not(tmp_path: Path) -> None:
    (tmp_path / "kitchen").mkdir()
    Image.new("RGB", (40, 30), RED).save(tmp_path / "kitchen" / "mug-1.png")
    response = answer("image", hits=1)
    response.hits[0].item.ClearField("payload")
    assert contact_sheet(response.hits, response.legs, tmp_path, tmp_path / "sheet.png") == 0


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1", "CMYK", "I;16"])
def test_pictures_of_every_kind(tmp_path: Path, mode: str) -> None:
    suffix = "tif" if mode == "CMYK" else "png"
    Image.new(mode, (40, 30)).save(tmp_path / f"mug.{suffix}")
    response = answer("image", hits=1)
    response.hits[0].item.payload["file"] = f"mug.{suffix}"
    assert contact_sheet(response.hits, response.legs, tmp_path, tmp_path / "sheet.png") == 0


def test_pictures_are_upright_and_transparency_is_white(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    Image.new("RGB", (300, 100), RED).save(tmp_path / "mug-1.png", exif=exif)
    Image.new("RGBA", (300, 200), (*RED, 0)).save(tmp_path / "mug-2.png")
    response = answer("image", hits=2)
    out = tmp_path / "sheet.png"
    assert contact_sheet(response.hits, response.legs, tmp_path, out) == 0
    with Image.open(out) as sheet:
        middle = MARGIN + CELL_WIDTH // 2
        assert sheet.getpixel((middle, MARGIN + 5)) == RED
        assert sheet.getpixel((MARGIN + 5, MARGIN + PICTURE_HEIGHT // 2)) == TILE
        second = MARGIN + CELL_WIDTH + MARGIN + CELL_WIDTH // 2
        assert sheet.getpixel((second, MARGIN + PICTURE_HEIGHT // 2)) == PAPER


def test_the_picture_that_was_asked_with_stands_above(tmp_path: Path) -> None:
    pictures(tmp_path, 2)
    asked = tmp_path / "asked.png"
    Image.new("RGB", (300, 200), GREEN).save(asked)
    response = answer("image", hits=2)
    out = tmp_path / "sheet.png"
    assert contact_sheet(response.hits, response.legs, tmp_path, out) == 0
    assert GREEN not in colours(out)
    assert contact_sheet(response.hits, response.legs, tmp_path, out, asked=[asked]) == 0
    with Image.open(out) as sheet:
        green = [sheet.getpixel((MARGIN + 60, y)) == GREEN for y in range(sheet.height)]
        red = [sheet.getpixel((MARGIN + 60, y)) == RED for y in range(sheet.height)]
    assert green.index(True) < red.index(True)


def test_a_caption_is_two_lines_at_most(tmp_path: Path) -> None:
    response = answer("image", hits=1)
    heights = []
    for caption in ("", "short", "a long caption " * 2000, "x" * 20_000):
        response.hits[0].item.caption = caption
        contact_sheet(response.hits, response.legs, tmp_path, tmp_path / "sheet.png")
        with Image.open(tmp_path / "sheet.png") as sheet:
            heights.append(sheet.height)
    assert heights[0] < heights[1] == heights[2] == heights[3]


def test_no_hits_are_a_sheet_all_the_same(tmp_path: Path) -> None:
    response = answer("image", hits=0)
    out = tmp_path / "sheet.png"
    assert contact_sheet(response.hits, response.legs, tmp_path, out, title="nothing") == 0
    assert out.is_file()


def test_many_legs_and_long_names(tmp_path: Path) -> None:
    response = answer(*(f"a-rather-long-name-{index}" for index in range(16)), hits=2)
    response.hits[0].item.id = "folder/" * 60 + "mug.png"
    assert contact_sheet(response.hits, response.legs, tmp_path, tmp_path / "sheet.png") == 2
