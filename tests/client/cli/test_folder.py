"""What an ingest of a folder will do."""

import os
from pathlib import Path

import pytest

from triptych import ArgumentError, payload
from triptych.cli.captions import CaptionFile, Failure, Words
from triptych.cli.folder import Picture, plan, reason_of


def write(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_pictures_by_suffix_in_all_folders_but_hidden_ones(tmp_path: Path) -> None:
    write(tmp_path, "b.PNG", "a/c.jpeg", "a/.hidden.png", ".git/x.png", "notes.md", "a/song.mp3")
    found = plan(tmp_path)
    assert [picture.name for picture in found.pictures] == ["b.PNG", "a/c.jpeg"]
    assert found.skipped == ["a/song.mp3", "notes.md"]
    assert not found.failures


def test_what_belongs_to_a_picture_is_not_skipped(tmp_path: Path) -> None:
    write(tmp_path, "cat.png", "words.csv", "dog.txt")
    (tmp_path / "cat.txt").write_text("a cat")
    found = plan(tmp_path, CaptionFile({}, []), ignore=tmp_path / "words.csv")
    assert found.pictures == [Picture("cat.png", tmp_path / "cat.png", Words("a cat"))]
    assert found.skipped == ["dog.txt"]


def test_rows_without_a_picture_are_failures(tmp_path: Path) -> None:
    write(tmp_path, "cat.png", "notes.md")
    names = ["cat.png", "none.png", "notes.md", "../cat.png", "/cat.png"]
    found = plan(tmp_path, CaptionFile({name: Words("x") for name in names}, []))
    assert [picture.name for picture in found.pictures] == ["cat.png"]
    assert found.failures == [
        Failure("none.png", f"named in the captions, but not found in {tmp_path}"),
        Failure("notes.md", "named in the captions, but no picture by its suffix"),
        Failure("../cat.png", f"named in the captions, but not a path inside {tmp_path}"),
        Failure("/cat.png", f"named in the captions, but not a path inside {tmp_path}"),
    ]


def test_a_picture_whose_words_are_at_fault_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, "a.png", "b.png", "c.png")
    (tmp_path / "b.json").write_text("{")
    captions = CaptionFile(
        {"c.png": Words("x")}, [Failure("a.png", "m"), Failure("./c.png", "second")]
    )
    found = plan(tmp_path, captions)
    assert [picture.name for picture in found.pictures] == ["c.png"]
    assert [failure.file for failure in found.failures] == ["a.png", "./c.png", "b.png"]


def test_names_that_differ_in_composition_only_are_one(tmp_path: Path) -> None:
    write(tmp_path, "u\u0308.png")
    found = plan(tmp_path, CaptionFile({"\u00fc.png": Words("umlaut")}, []))
    assert [(p.name, p.words.caption) for p in found.pictures] == [("u\u0308.png", "umlaut")]
    assert not found.failures


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_can_t_be_read_is_a_failure(tmp_path: Path) -> None:
    write(tmp_path, "a/b.png")
    (tmp_path / "a").chmod(0)
    try:
        found = plan(tmp_path)
    finally:
        (tmp_path / "a").chmod(0o700)
    assert found.failures == [Failure("a/", "can't be read: Permission denied")]


def test_an_item_has_its_name_as_id_and_in_its_payload(tmp_path: Path) -> None:
    write(tmp_path, "a/b.png")
    words = Words("a cat", "CAT", {"price": 5, "file": "elsewhere"})
    item = Picture("a/b.png", tmp_path / "a/b.png", words).item(max_bytes=10)
    assert (item.id, item.caption, item.ocr_text) == ("a/b.png", "a cat", "CAT")
    assert item.image.data == b"x"
    assert payload(item) == {"price": 5, "file": "a/b.png"}


def test_files_that_can_t_be_sent(tmp_path: Path) -> None:
    write(tmp_path, "a.png")
    os.mkfifo(tmp_path / "fifo.png")
    (tmp_path / "broken.png").symlink_to(tmp_path / "none")

    def reason(name: str, max_bytes: int = 10) -> str:
        try:
            Picture(name, tmp_path / name, Words()).item(max_bytes=max_bytes)
        except (OSError, ValueError) as error:
            return reason_of(error)
        return "none"

    assert reason("a.png", 0) == "is larger than a message may be (got 1 bytes, allowed 0)"
    assert reason("fifo.png") == "is no regular file"
    assert reason("broken.png") == "can't be read: No such file or directory"


def test_a_name_that_is_not_utf_8_is_a_fault_of_that_file(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))).write_bytes(b"x")
    [picture] = plan(tmp_path).pictures
    with pytest.raises(ArgumentError, match="id: holds a lone surrogate"):
        picture.item(max_bytes=10)
