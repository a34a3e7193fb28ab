"""Words of pictures, from a CSV file and from files beside the pictures."""

import contextlib
import json
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.cli.captions import (
    CaptionFile,
    Failure,
    Words,
    normal_name,
    read_captions,
    read_sidecars,
)
from triptych.cli.columns import keys_of
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


def test_a_header_is_the_path_of_a_field(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        'file,location.lat,location.lon,"""size.cm""",shop.opening hours.from,shop.name\n'
        "a.png,38.72,-9.14,12,8,Rosa\n"
        "b.png,60,,,,\n"
        "c.png,,,,,\n",
    )
    assert not found.failures
    assert {name: words.payload for name, words in found.words.items()} == {
        "a.png": {
            "location": {"lat": 38.72, "lon": -9.14},
            "size.cm": 12,
            "shop": {"opening hours": {"from": 8}, "name": "Rosa"},
        },
        "b.png": {"location": {"lat": 60.0}},
        "c.png": {},
    }


def test_fields_beside_each_other_do_not_clash(tmp_path: Path) -> None:
    found = read(tmp_path, 'file,a.b,a.bc,ab,"""a.b"""\nx.png,1,2,3,4\n')
    assert found.words["x.png"].payload == {"a": {"b": 1, "bc": 2}, "ab": 3, "a.b": 4}


def test_a_type_is_declared_for_a_path_however_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "words.csv"
    path.write_text('file,a.b,"""c.d"""\nx.png,1,2\n')
    found = read_captions(path, {'"a"."b"': "keyword", '"c.d"': "float", "c.d": "keyword"})
    assert found.words["x.png"].payload == {"a": {"b": "1"}, "c.d": 2.0}


@given(st.lists(st.text(string.ascii_letters + ". -_äé", min_size=1), min_size=1, max_size=4))
def test_quoted_keys_come_back_as_they_are(keys: list[str]) -> None:
    assert keys_of(".".join(f'"{key}"' for key in keys)) == tuple(keys)


@given(st.text('ab.". ', max_size=12))
def test_any_header_is_a_path_or_a_value_error(header: str) -> None:
    keys: tuple[str, ...] = ("refused",)
    with contextlib.suppress(ValueError):
        keys = keys_of(header)
    assert keys
    assert all(keys)


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
        ('file,x,"""x"""\n', "the columns 'x' and '\"x\"' name the same field"),
        ("file,a.b,a\n", "the columns 'a' and 'a.b' clash: a field can't hold both"),
        ("file,a.b,a.b.c\n", "the columns 'a.b' and 'a.b.c' clash"),
        ("file,file.size\n", "the columns 'file' and 'file.size' clash"),
        ("file,a.\n", "the column 'a.' is no path: it needs keys joined by dots"),
        ("file,a..b\n", "the column 'a..b' is no path"),
        ("file,.a\n", "the column '.a' is no path"),
        ('file,"a""b"\n', "the column 'a\"b' is no path"),
        ('file,"""a""b"\n', "a dot is missing beside a quoted key"),
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
