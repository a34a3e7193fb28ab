"""The command where something goes wrong: one line, an exit status, and no traceback."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import grpc
import pytest

from tests.client.cli.answers import answer
from tests.client.cli.shell import PICTURES, Captured, command, one_line, outcomes
from tests.client.service import Service, gives, refuses
from triptych import Collection
from triptych.cli.app import run
from triptych.v1.collection_service_pb2 import (
    GetCollectionResponse,
    ListCollectionsResponse,
)
from triptych.v1.search_service_pb2 import SearchRequest


def test_a_server_that_is_not_there(capsys: Captured) -> None:
    assert run(["--server", "127.0.0.1:1", "status"]) == 3
    assert "can't reach a server at 127.0.0.1:1" in one_line(capsys)


def test_the_server_from_the_environment(
    service: Service, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIPTYCH_SERVER", service.address)
    assert run(["status"]) == 0
    assert "no collections yet" in capsys.readouterr().out


def test_all_violations_stand_in_the_line(service: Service, capsys: Captured) -> None:
    violations = [
        ("vectors[0].weight", "WEIGHT_NEGATIVE", "is negative"),
        ("limit", "LIMIT_TOO_LARGE", "is too large (got 5000,\nallowed 1000)"),
    ]
    code = grpc.StatusCode.INVALID_ARGUMENT
    service.on("Search", refuses(code, "WEIGHT_NEGATIVE", "m", violations=violations))
    assert command(service, "search", "cup", "--collection", "pictures") == 2
    assert one_line(capsys) == (
        "triptych: --weight: is negative; "
        "--limit: is too large (got 5000, allowed 1000) [WEIGHT_NEGATIVE]"
    )


def test_a_defect_of_the_server(service: Service, capsys: Captured) -> None:
    service.on(
        "Search", refuses(grpc.StatusCode.INTERNAL, "INTERNAL", "internal error, incident 5f0c")
    )
    assert command(service, "search", "cup", "--collection", "pictures") == 1
    assert one_line(capsys) == "triptych: internal error, incident 5f0c [INTERNAL]"


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["search"], "search needs TEXT, --image, --like-item or --plus"),
        (["search", "a", "--where", " "], "--where: is empty; leave it out for no filter"),
        (["search", "a", "--weight", "image"], "needs VECTOR=WEIGHT, such as image=2"),
        (["search", "a", "--weight", "=2"], "needs VECTOR=WEIGHT, such as image=2"),
        (["search", "a", "--weight", "a=1", "--weight", "a=2"], "a=2: a has a weight already"),
        (["search", "a", "--only", "image,"], "needs names of vectors, joined by commas"),
        (["search", "a", "--only", "image", "--only", "ocr,image"], "image is named twice"),
        (["search", "a", "--collection", "pictures", "--only", "looks"], "no vector 'looks'"),
        (
            ["search", "a", "--collection", "pictures", "--only", "ocr", "--weight", "image=2"],
            "--weight image: this vector is not asked (asked: ocr)",
        ),
        (
            ["search", "--image", "FOLDER/0.png", "--collection", "p", "--only", "image,terms"],
            "--only terms: this vector can't answer a picture",
        ),
        (
            ["search", "a", "--collection", "p", "--only", "audio"],
            "--only audio: this vector can't answer words",
        ),
        (["search", "a", "--leg-threshold", "image"], "needs VECTOR=VALUE, such as image=0.25"),
        (
            ["search", "a", "--leg-threshold", "a=1", "--leg-threshold", "a=2"],
            "--leg-threshold a=2: a has a threshold already",
        ),
        (
            ["search", "a", "--collection", "p", "--only", "ocr", "--leg-threshold", "image=0.2"],
            "--leg-threshold image: this vector is not asked (asked: ocr)",
        ),
        (["search", "a", "--k", "60", "--fusion", "max"], "--k 60: is of --fusion reciprocal-rank"),
        (
            ["search", "a", "--normalization", "min-max"],
            "--normalization min-max: is of --fusion weighted-sum, max, min; "
            "reciprocal-rank goes by places, not by similarities",
        ),
        (
            ["search", "a", "--normalization", "none", "--fusion", "reciprocal-rank"],
            "--normalization none: is of --fusion weighted-sum, max, min",
        ),
        (["search", "a", "--pictures", "FOLDER"], "--pictures is where --sheet finds"),
        (["search", "a"], "there are drawings, pictures"),
        (
            ["ingest", "FOLDER", "--collection", "p", "--payload-field", "x=double"],
            "with a type of",
        ),
        (["ingest", "FOLDER", "--collection", "p", "--language", "de"], "is there already, in en"),
        (["--server", "localhost", "status"], "--server localhost: needs HOST:PORT, such as"),
        (["status", "--server", "http://a:1"], "--server http://a:1: needs HOST:PORT, such as"),
        (["--server", "", "status"], "--server: is empty"),
    ],
)
def test_bad_input(
    service: Service, folder: Path, capsys: Captured, arguments: list[str], what: str
) -> None:
    service.on("GetCollection", gives(GetCollectionResponse(collection=PICTURES)))
    two = ListCollectionsResponse(collections=[Collection(id="drawings"), PICTURES])
    service.on("ListCollections", gives(two))
    given = [argument.replace("FOLDER", str(folder)) for argument in arguments]
    assert command(service, *given) == 2
    assert what in one_line(capsys)
    assert not service.requests(SearchRequest)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["serch"], "No such command 'serch'"),
        (["ingest", "/none", "--collection", "p"], "does not exist"),
        (
            ["search", "a", "--limit", "x"],
            "'--limit': needs a whole number, 1 or more (got 'x')",
        ),
        (["search", "a", "--limit", "0"], "'--limit': needs a whole number, 1 or more (got '0')"),
        (
            ["ingest", "FOLDER", "--collection", "p", "--batch", "257"],
            "'--batch': needs a whole number, 1 to 256 (got '257')",
        ),
        (
            ["ingest", "FOLDER", "--collection", "p", "--ocr", "never"],
            "'--ocr': needs skip, when-empty or always (got 'never')",
        ),
        (
            ["search", "a", "--fusion", "rrf"],
            "'--fusion': needs reciprocal-rank, weighted-sum, max or min (got 'rrf')",
        ),
        (["search", "a", "--k", "two"], "'--k': needs a number (got 'two')"),
        (["search", "a", "--score-threshold", "nan"], "needs a number (got 'nan')"),
        (["search", "a", "--offset", "-1"], "'--offset': needs a whole number, 0 or more"),
        (
            ["--timeout", "0", "status"],
            "'--timeout': needs a number of seconds above 0 (got '0')",
        ),
        (
            ["status", "--timeout", "soon"],
            "'--timeout': needs a number of seconds above 0 (got 'soon')",
        ),
    ],
)
def test_bad_usage(
    service: Service, folder: Path, capsys: Captured, arguments: list[str], what: str
) -> None:
    given = [str(folder) if argument == "FOLDER" else argument for argument in arguments]
    assert command(service, *given) == 2
    captured = capsys.readouterr()
    assert "Error: " in captured.err
    assert what in captured.err
    assert "Traceback" not in captured.err
    assert not service.calls


def test_the_examples_of_the_help_work(
    service: Service, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("photos", "shop"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.png").write_bytes(b"png")
    (tmp_path / "shop.csv").write_text("file,caption,price\n0.png,a cup,3\n")
    (tmp_path / "cat.jpg").write_bytes(b"jpg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRIPTYCH_SERVER", service.address)
    service.on("ListCollections", gives(ListCollectionsResponse(collections=[PICTURES])))
    service.on("GetCollection", gives(GetCollectionResponse(collection=PICTURES)))
    service.on("UpsertItems", outcomes)
    service.on("Search", gives(answer("image")))
    examples: list[str] = []
    for subcommand in ([], ["ingest"], ["search"], ["status"]):
        assert run([*subcommand, "--help"]) == 0
        text = capsys.readouterr().out
        assert all(len(line) <= 80 for line in text.splitlines())
        examples += re.findall(r"^    triptych (.*)$", text.replace("\\\n", ""), re.M)
    assert len(examples) == 10
    for example in examples:
        assert run(shlex.split(example)) == 0, capsys.readouterr().err


def test_a_sheet_of_a_collection_that_keeps_no_pictures(
    service: Service, tmp_path: Path, capsys: Captured
) -> None:
    none = Collection(id="p", image_retention=Collection.IMAGE_RETENTION_NONE)
    service.on("GetCollection", gives(GetCollectionResponse(collection=none)))
    out = tmp_path / "sheet.png"
    assert command(service, "search", "cup", "--collection", "p", "--sheet", str(out)) == 2
    assert "--sheet needs --pictures" in one_line(capsys)
    assert not out.exists()
    assert [call.method for call in service.calls] == ["GetCollection"]


def test_without_its_extra_the_command_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['typer'] = None; sys.modules['rich'] = None\n"
        "from triptych.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        'triptych: the command needs typer and rich; install it with: pip install "triptych[cli]"\n'
    )


def test_the_command_itself_shows_its_version() -> None:
    program = Path(sys.executable).with_name("triptych")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("triptych 0.")
