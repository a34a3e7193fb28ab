"""The command as a new user has it: a folder of pictures, a real server, three subcommands."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from google.protobuf.json_format import Parse
from PIL import Image

from tests.support.server import RunningServer
from triptych import SearchResponse, make_item, payload
from triptych.cli.app import run

SPRITES = Path(__file__).resolve().parents[3] / "tools" / "sprites" / "png"
PROGRAM = Path(sys.executable).with_name("triptych")
Captured = pytest.CaptureFixture[str]

CAPTIONS = """\
file,caption,price,sold,tags
cat.png,"A cat, awake",12,true,pet|indoor
coffee.png,A cup of coffee,3.5,false,
dogs/dog.png,A dog in the garden,20,,pet
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four pictures: three with a row of captions, one with a sidecar."""
    found = tmp_path / "album"
    (found / "dogs").mkdir(parents=True)
    for name in ("cat.png", "coffee.png", "dogs/dog.png", "rose.png"):
        shutil.copy(SPRITES / Path(name).name, found / name)
    (found / "captions.csv").write_text(CAPTIONS)
    (found / "rose.json").write_text('{"caption": "A red rose", "payload": {"price": 7}}')
    (found / "notes.md").write_text("not a picture")
    return found


@pytest.fixture
def collection(
    server: RunningServer, folder: Path, capsys: Captured, request: pytest.FixtureRequest
) -> str:
    """A collection of the test's own that holds the folder."""
    name = re.sub("[^a-z0-9]", "-", request.node.name.lower())[:63].strip("-")
    assert ingest(server, folder, name) == 0
    capsys.readouterr()
    return name


def command(server: RunningServer, *arguments: str) -> int:
    return run(["--server", server.address, *arguments])


def ingest(server: RunningServer, folder: Path, name: str, *arguments: str) -> int:
    captions = ["--captions", str(folder / "captions.csv")]
    given = [str(folder), "--collection", name, "--ocr", "skip", *captions, *arguments]
    return command(server, "ingest", *given)


def search(server: RunningServer, capsys: Captured, name: str, *arguments: str) -> SearchResponse:
    assert command(server, "search", "--collection", name, "--json", *arguments) == 0
    return Parse(capsys.readouterr().out, SearchResponse())


def ids(response: SearchResponse) -> list[str]:
    return [hit.item.id for hit in response.hits]


def counts(capsys: Captured) -> dict[str, int]:
    found: dict[str, int] = json.loads(capsys.readouterr().out)["counts"]
    return found


def test_the_first_ingest_makes_the_second_changes_nothing(
    server: RunningServer, folder: Path, capsys: Captured
) -> None:
    assert ingest(server, folder, "twice") == 0
    captured = capsys.readouterr()
    assert re.search(r"CREATED +REPLACED +UNCHANGED +FAILED", captured.out)
    assert re.search(r"^ +4 +0 +0 +0 *$", captured.out, re.M)
    assert "skipped, no pictures by their suffix: notes.md" in captured.out
    assert captured.err == "ingesting: 4 of 4: 4 written\n"

    assert ingest(server, folder, "twice", "--json") == 0
    assert counts(capsys) == {"CREATED": 0, "REPLACED": 0, "UNCHANGED": 4, "FAILED": 0}
    (folder / "rose.json").write_text('{"caption": "A rose"}')
    assert ingest(server, folder, "twice", "--json") == 0
    captured = capsys.readouterr()
    assert captured.err == "ingesting: 4 of 4: 1 written, 3 unchanged\n"
    found = json.loads(captured.out)["counts"]
    assert found == {"CREATED": 0, "REPLACED": 1, "UNCHANGED": 3, "FAILED": 0}


def test_what_is_at_fault_is_told_file_by_file(
    server: RunningServer, folder: Path, capsys: Captured
) -> None:
    (folder / "broken.png").write_bytes((SPRITES / "cat.png").read_bytes()[:300])
    (folder / "text.jpg").write_text("no picture at all")
    Image.new("RGB", (2, 2)).save(folder / "dot.png")
    with (folder / "captions.csv").open("a") as file:
        file.write("gone.png,nowhere,,,\ncat.png,again,,,\n")
    assert ingest(server, folder, "faults", "--json") == 1
    captured = capsys.readouterr()
    assert captured.err == "ingesting: 9 of 9: 4 written, 5 failed\n"
    found = json.loads(captured.out)
    assert found["counts"] == {"CREATED": 4, "REPLACED": 0, "UNCHANGED": 0, "FAILED": 5}
    reasons = {failure["file"]: failure["reason"] for failure in found["failures"]}
    assert "[IMAGE_TRUNCATED]" in reasons["broken.png"]
    assert "[IMAGE_FORMAT_UNSUPPORTED]" in reasons["text.jpg"]
    assert "[IMAGE_TOO_SMALL]" in reasons["dot.png"]
    assert "not found" in reasons["gone.png"]
    assert "a second row" in reasons["cat.png"]


def test_a_table_of_hits(server: RunningServer, collection: str, capsys: Captured) -> None:
    assert command(server, "search", "a cup of coffee", "--collection", collection) == 0
    text = capsys.readouterr().out
    assert re.search(r"^1 +[\d.]+ +coffee\.png", text, re.M)
    assert "A cup of coffee" in text
    assert "no term" in text
    assert "– has no such vector" in text
    assert re.search(r"^legs  image ×1 · caption ×0.25 · ocr ×0.25 · terms ×1 by text$", text, re.M)
    assert re.search(r"^found 4 · 4 · 0 · 1 candidates, fused by reciprocal rank, k=2$", text, re.M)
    assert re.search(r"^time  [\d.]+ ms: ", text, re.M)
    assert "\x1b" not in text


def test_payload_and_filters(server: RunningServer, collection: str, capsys: Captured) -> None:
    found = search(server, capsys, collection, "animal", "--where", "price >= 12")
    assert sorted(ids(found)) == ["cat.png", "dogs/dog.png"]
    by_id = {hit.item.id: payload(hit.item) for hit in found.hits}
    assert by_id["cat.png"] == {
        "file": "cat.png",
        "price": 12,
        "sold": True,
        "tags": ["pet", "indoor"],
    }
    several = ["--where", "tags = 'pet' OR price < 0", "--where", "sold EXISTS"]
    assert ids(search(server, capsys, collection, "animal", *several)) == ["cat.png"]
    unsold = search(server, capsys, collection, "x", "--where", "sold != true", "--limit", "2")
    assert len(unsold.hits) == 2
    assert "cat.png" not in ids(unsold)


def test_by_picture_and_by_both(
    server: RunningServer, collection: str, folder: Path, capsys: Captured
) -> None:
    picture = ["--image", str(folder / "rose.png")]
    found = search(server, capsys, collection, *picture, "--only", "image")
    assert ids(found)[0] == "rose.png"
    assert found.hits[0].vector_scores[0].similarity == pytest.approx(1, abs=1e-5)
    assert [leg.vector_name for leg in found.legs] == ["image"]
    both = search(server, capsys, collection, "a dog", *picture, "--weight", "image=0")
    assert ids(both)[0] == "dogs/dog.png"
    assert {leg.vector_name: leg.input_kind for leg in both.legs} == {
        "image": 2,
        "caption": 1,
        "ocr": 1,
        "terms": 1,
    }


def test_a_contact_sheet(
    server: RunningServer, collection: str, folder: Path, tmp_path: Path, capsys: Captured
) -> None:
    (folder / "rose.png").unlink()
    out = tmp_path / "hits.png"
    sheet = ["--sheet", str(out), "--pictures", str(folder)]
    assert command(server, "search", "a cup", "--collection", collection, *sheet) == 0
    assert capsys.readouterr().err == f"contact sheet: {out}; 1 of 4 pictures not found\n"
    with Image.open(out) as image:
        assert image.format == "PNG"
        assert image.width > 1000


def test_a_contact_sheet_shows_the_picture_that_was_asked_with(
    server: RunningServer, collection: str, folder: Path, tmp_path: Path
) -> None:
    heights = []
    for asked in (["cat"], ["cat", "--image", str(folder / "cat.png")]):
        out = tmp_path / "hits.png"
        sheet = ["--sheet", str(out), "--pictures", str(folder), "--only", "image"]
        assert command(server, "search", *asked, "--collection", collection, *sheet) == 0
        with Image.open(out) as image:
            heights.append(image.height)
    assert heights[1] > heights[0]


def test_words_without_quotes_are_one_question(
    server: RunningServer, collection: str, capsys: Captured
) -> None:
    quoted = search(server, capsys, collection, "a cup of coffee")
    bare = search(server, capsys, collection, "a", "cup", "of", "--limit", "10", "coffee")
    assert [(hit.item.id, hit.score) for hit in bare.hits] == [
        (hit.item.id, hit.score) for hit in quoted.hits
    ]


def test_vectors_are_named_in_one_option_or_in_several(
    server: RunningServer, collection: str, capsys: Captured
) -> None:
    for only in (["--only", "terms, image"], ["--only", "terms", "--only", "image"]):
        found = search(server, capsys, collection, "coffee", *only)
        assert [leg.vector_name for leg in found.legs] == ["terms", "image"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["a", "--only", "looks"],
            "collection '{name}' has no vector 'looks' (it has image, caption, ocr, terms)",
        ),
        (
            ["a", "--weight", "caption=1", "--weight", "ocr=-1", "--limit", "5000"],
            "--limit: is too large (got 5000, allowed 1000); "
            "--weight ocr: is negative (got -1.0, allowed 0 to 1000) [LIMIT_TOO_LARGE]",
        ),
        (
            ["a", "--only", "ocr", "--weight", "ocr=0"],
            "--weight: all weights are 0 [WEIGHTS_ALL_ZERO]",
        ),
        (
            [" "],
            "TEXT: holds nothing but white space and control characters (got ' ') [TEXT_BLANK]",
        ),
        (
            ["a", "--where", "_triptych.id = 5"],
            "--where: at character 1: is reserved (got _triptych.id) [PAYLOAD_RESERVED_KEY]",
        ),
        (
            ["a", "--where", "price = 9007199254740993"],
            "--where: at character 9: would be rounded; with a decimal point it is (got "
            "9007199254740993, allowed below 2^53) [NUMBER_NOT_EXACT]",
        ),
        (
            ["a", "--where", "price > 1", "--where", "category = poster"],
            "--where 'category = poster': at character 12: expected a string, a number, a time, "
            "true or false; text stands in quotes (got poster) [FILTER_EXPRESSION_INVALID]",
        ),
        (
            ["--image", "{folder}/captions.csv", "--only", "image,caption"],
            "--image: not a picture in a format that is read (allowed JPEG, PNG, WEBP, GIF, BMP, "
            "TIFF, AVIF, JPEG2000; 8 or 16 bits a sample) [IMAGE_FORMAT_UNSUPPORTED]",
        ),
    ],
)
def test_what_the_server_refuses_is_told_by_the_options(
    server: RunningServer,
    folder: Path,
    capsys: Captured,
    arguments: list[str],
    line: str,
) -> None:
    assert ingest(server, folder, "refusals") == 0
    capsys.readouterr()
    given = [argument.format(folder=folder) for argument in arguments]
    assert command(server, "search", "--collection", "refusals", *given) == 2
    assert capsys.readouterr().err == f"triptych: {line.format(name='refusals')}\n"


def test_a_collection_that_is_not_there(
    server: RunningServer, folder: Path, capsys: Captured
) -> None:
    assert command(server, "search", "a", "--collection", "nowhere") == 2
    assert capsys.readouterr().err == (
        "triptych: there is no collection 'nowhere': triptych ingest FOLDER --collection nowhere "
        "makes it, triptych collections lists those that are there [COLLECTION_NOT_FOUND]\n"
    )
    assert ingest(server, folder, "nowhere", "--no-create") == 2
    assert capsys.readouterr().err == (
        "triptych: there is no collection 'nowhere', and with --no-create none is made\n"
    )


def test_captions_at_fault_make_no_collection(
    server: RunningServer, folder: Path, capsys: Captured
) -> None:
    (folder / "captions.csv").write_text("name,caption\n")
    assert ingest(server, folder, "never-made") == 2
    assert "needs a column 'file'" in capsys.readouterr().err
    with server.client() as client:
        assert "never-made" not in [one.id for one in client.list_collections()]


def test_captions_that_are_forgotten(server: RunningServer, folder: Path, capsys: Captured) -> None:
    assert command(server, "ingest", str(folder), "--collection", "forgotten", "--ocr", "skip") == 0
    assert "words of the pictures in captions.csv? give it with --captions" in (
        capsys.readouterr().out
    )


def test_an_ingest_that_the_server_stops_counts_nothing_as_done(
    server: RunningServer, folder: Path, capsys: Captured
) -> None:
    language = ["--ocr-language", "tlh", "--batch", "3"]
    assert command(server, "ingest", str(folder), "--collection", "stopped", *language) == 2
    captured = capsys.readouterr()
    assert "ingesting" not in captured.err
    assert re.search(r"^ +0 +0 +0 +0 +4 *$", captured.out, re.M)
    assert re.fullmatch(
        r"triptych: --ocr-language: is not installed \(got tlh, allowed [a-z_, ]+\) "
        r"\[OCR_LANGUAGE_UNAVAILABLE\]; 4 of 4 pictures are not done\n",
        captured.err,
    )


def test_the_server_may_be_named_after_the_subcommand(
    server: RunningServer, capsys: Captured
) -> None:
    assert run(["--server", "127.0.0.1:1", "status", "--server", server.address]) == 0
    assert server.address in capsys.readouterr().out


def test_a_contact_sheet_of_the_pictures_that_the_server_keeps(
    server: RunningServer, collection: str, folder: Path, tmp_path: Path, capsys: Captured
) -> None:
    with server.client() as client:
        client.upsert(collection, [make_item("words", caption="a cup of words")])
    sheets = []
    for name, pictures in (("kept", []), ("folder", ["--pictures", str(folder)])):
        out = tmp_path / f"{name}.png"
        arguments = ["--collection", collection, "--sheet", str(out), *pictures]
        assert command(server, "search", "a cup", *arguments) == 0
        # That of words has no picture.
        assert capsys.readouterr().err == f"contact sheet: {out}; 1 of 5 pictures not found\n"
        with Image.open(out) as image:
            sheets.append(np.asarray(image.convert("RGB"), np.float64))
    assert np.abs(sheets[0] - sheets[1]).mean() < 2


def test_what_is_kept_of_the_pictures(
    server: RunningServer, folder: Path, capsys: Captured
) -> None:
    assert ingest(server, folder, "keeps", "--keep", "original") == 0
    with server.client() as client:
        kept = client.get_item_image("keeps", "dogs/dog.png")
        assert kept.data == (folder / "dogs" / "dog.png").read_bytes()
    assert ingest(server, folder, "keeps") == 0
    capsys.readouterr()
    assert ingest(server, folder, "keeps", "--keep", "none") == 2
    assert capsys.readouterr().err == (
        "triptych: --keep none: collection 'keeps' is there already, and keeps original\n"
    )


def test_the_status(server: RunningServer, collection: str, capsys: Captured) -> None:
    assert command(server, "status") == 0
    text = capsys.readouterr().out
    assert server.address in text
    assert re.search(r"tiny-clip .*CPU", text)
    assert re.search(rf"{collection} +4 +en +image, caption, ocr, terms", text)
    assert "embedded" in text
    assert all(len(line) <= 100 for line in text.splitlines())


def test_output_that_nobody_reads_on_ends_without_a_trace(
    server: RunningServer, collection: str
) -> None:
    line = f"'{PROGRAM}' --server {server.address} search cup --collection {collection} | head -n 1"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("#")
    assert "Traceback" not in done.stderr
