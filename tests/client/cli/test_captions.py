"""Words of pictures, from a CSV file and from files beside the pictures."""

import json
from pathlib import Path

import pytest

from triptych.cli.captions import (
    CaptionFile,
    Failure,
    Words,
    normal_name,
    read_captions,
    read_sidecars,
)
from triptych.cli.output import CommandError


def read(tmp_path: Path, text: str, **types: str) -> CaptionFile:
    path = tmp_path / "words.csv"
    path.write_bytes(text.encode())
    return read_captions(path, types)


def payloads(tmp_path: Path, column: str, cells: list[str], **types: str) -> list[object]:
    rows = "".join(f'{index}.png,"{cell}"\n' for index, cell in enumerate(cells))
    found = read(tmp_path, f"file,{column}\n{rows}", **types)
    assert not found.failures
    return [words.payload.get(column) for words in found.words.values()]


def test_a_row_in_full(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "\ufefffile,caption,ocr_text,price,tags,shop\r\n"
        'a/cat.png,"A cat,\nasleep",CAT,12.5,red| blue ;;green,Ikea\r\n'
        "./dog.png,A dog,,3,,\r\n",
    )
    payload = {"price": 12.5, "tags": ["red", "blue", "green"], "shop": "Ikea"}
    assert found.words == {
        "a/cat.png": Words("A cat,\nasleep", "CAT", payload),
        "dog.png": Words("A dog", "", {"price": 3.0}),
    }
    assert not found.failures


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "-2", ""], [1, -2, None]),
        (["1", "2.5"], [1.0, 2.5]),
        ([".5", "1e3"], [0.5, 1000.0]),
        (["true", "FALSE"], [True, False]),
        (["1", "two"], ["1", "two"]),
        (["007", "012"], ["007", "012"]),
        (["9007199254740992", "1"], ["9007199254740992", "1"]),
        (["1e999", "1"], ["1e999", "1"]),
        (["nan", "1"], ["nan", "1"]),
        (["\u0661", "2"], ["\u0661", "2"]),
        (["", ""], [None, None]),
        (["true", "1"], ["true", "1"]),
    ],
)
def test_columns_are_typed_when_every_cell_agrees(
    tmp_path: Path, cells: list[str], values: list[object]
) -> None:
    found = payloads(tmp_path, "x", cells)
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


def test_a_declared_type_is_stronger(tmp_path: Path) -> None:
    assert payloads(tmp_path, "zip", ["1", "2"], zip="keyword") == ["1", "2"]
    assert [type(v) for v in payloads(tmp_path, "x", ["1"], x="float")] == [float]


def test_a_cell_of_another_type_than_declared_is_that_row_s_fault(tmp_path: Path) -> None:
    found = read(tmp_path, "file,price\na.png,5\nb.png,cheap\n", price="float")
    assert list(found.words) == ["a.png"]
    assert found.failures == [Failure("b.png", "words.csv line 3: price: needs float (got cheap)")]


def test_rows_at_fault(tmp_path: Path) -> None:
    found = read(tmp_path, "file,caption\na.png,one\n,two\n./a.png,three\nb.png,four,five\nc.png\n")
    assert found.words == {"a.png": Words("one"), "c.png": Words()}
    assert [(failure.file, failure.reason) for failure in found.failures] == [
        ("words.csv line 3", "the row names no file"),
        ("./a.png", "words.csv line 4: a second row for this file, after line 2; not used"),
        ("b.png", "words.csv line 5: 3 cells under 2 columns"),
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("name,caption\n", "needs a column 'file' (got name, caption)"),
        ("", "needs a column 'file'"),
        ("file,,x\n", "column 2 has no name"),
        ("file,x,x\n", "two columns are named 'x'"),
        ('file,caption\na.png,"open\n', "is no CSV file"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(CommandError) as caught:
        read(tmp_path, text)
    assert what in str(caught.value)


def test_a_file_that_is_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "words.csv"
    path.write_bytes("file,caption\na.png,Gr\xf6\xdfe\n".encode("latin-1"))
    with pytest.raises(CommandError, match=r"words\.csv: is not UTF-8 at byte 21"):
        read_captions(path, {})


def test_names_are_compared_composed() -> None:
    assert normal_name("./a/u\u0308.png") == normal_name("a/\u00fc.png") == "a/\u00fc.png"


def test_sidecars(tmp_path: Path) -> None:
    picture = tmp_path / "cat.png"
    assert read_sidecars(picture) == Words()
    (tmp_path / "cat.txt").write_text(" A cat\n", encoding="utf-8-sig")
    assert read_sidecars(picture) == Words("A cat")
    words = {"ocr_text": "CAT", "payload": {"price": 5}}
    (tmp_path / "cat.json").write_text(json.dumps(words))
    assert read_sidecars(picture) == Words("A cat", "CAT", {"price": 5})
    (tmp_path / "cat.json").write_text(json.dumps({"caption": "Another cat"}))
    assert read_sidecars(picture) == Words("Another cat")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "cat.json: is no JSON"),
        ("[]", "cat.json: needs an object with caption, ocr_text, payload"),
        ('{"title": "x"}', "cat.json: unknown key 'title' (allowed caption, ocr_text, payload)"),
        ('{"caption": 5}', "cat.json: caption needs a string"),
        ('{"payload": []}', "cat.json: payload needs an object"),
        ("[" * 100_000, "cat.json: is no JSON"),
    ],
)
def test_a_sidecar_at_fault(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "cat.json").write_text(text)
    with pytest.raises(ValueError) as caught:
        read_sidecars(tmp_path / "cat.png")
    assert str(caught.value).startswith(what)


def test_a_row_is_stronger_than_a_sidecar() -> None:
    row = Words("a row", "", {"price": 1})
    beside = Words("a sidecar", "TEXT", {"price": 2, "shop": "x"})
    assert row.over(beside) == Words("a row", "TEXT", {"price": 1, "shop": "x"})
