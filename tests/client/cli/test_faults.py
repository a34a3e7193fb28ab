"""The command where something goes wrong: one line, an exit status, and no traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from google.protobuf.message import Message

from tests.client.cli.answers import answer
from tests.client.service import Service, aborts, gives, refuses, rich_status
from triptych import Collection, UpsertOutcome, VectorSpace
from triptych.cli.app import run
from triptych.v1.collection_service_pb2 import (
    CreateCollectionRequest,
    CreateCollectionResponse,
    GetCollectionResponse,
    ListCollectionsResponse,
)
from triptych.v1.item_service_pb2 import UpsertItemsRequest, UpsertItemsResponse
from triptych.v1.search_service_pb2 import SearchRequest

Captured = pytest.CaptureFixture[str]

PICTURES = Collection(
    id="pictures",
    language="en",
    vector_spaces=[
        VectorSpace(name="image", sources=[VectorSpace.SOURCE_IMAGE], kind=VectorSpace.KIND_DENSE),
        VectorSpace(name="ocr", sources=[VectorSpace.SOURCE_OCR_TEXT], kind=VectorSpace.KIND_MULTI),
        VectorSpace(
            name="terms", sources=[VectorSpace.SOURCE_CAPTION], kind=VectorSpace.KIND_SPARSE
        ),
        VectorSpace(name="audio", sources=[VectorSpace.SOURCE_SUPPLIED], dimension=4),
    ],
)


@pytest.fixture(autouse=True)
def no_server_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRIPTYCH_SERVER", raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "pictures"
    found.mkdir()
    for index in range(5):
        (found / f"{index}.png").write_bytes(b"png")
    return found


def command(service: Service, *arguments: str) -> int:
    return run(["--server", service.address, *arguments])


def outcomes(request: Message, context: grpc.ServicerContext) -> UpsertItemsResponse:
    """CREATED with a warning for every item, but FAILED for `3.png`."""
    assert isinstance(request, UpsertItemsRequest)
    response = UpsertItemsResponse()
    for index, item in enumerate(request.items):
        outcome = response.outcomes.add(
            index=index, id=item.id, result=UpsertOutcome.RESULT_CREATED
        )
        outcome.warnings.add(code=2, message="transparent parts were laid on white")
        if item.id == "3.png":
            outcome.result = UpsertOutcome.RESULT_FAILED
            path = f"items[{index}].image.data"
            violation = (path, "IMAGE_TRUNCATED", "the file ends before the picture does")
            status = rich_status(
                grpc.StatusCode.INVALID_ARGUMENT, "IMAGE_TRUNCATED", "m", violations=[violation]
            )
            outcome.error.CopyFrom(status)
    return response


def one_line(captured: Captured) -> str:
    [line] = captured.readouterr().err.splitlines()
    assert line.startswith("triptych: ")
    return line


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
        "triptych: vectors[0].weight: is negative; "
        "limit: is too large (got 5000, allowed 1000) [WEIGHT_NEGATIVE]"
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
        (["search"], "needs TEXT or --image"),
        (["search", "a", "--sheet", "x.png"], "--sheet needs --pictures"),
        (["search", "a", "--where", "price"], "is no comparison"),
        (["search", "a", "--where", "price=9007199254740993"], "NUMBER_NOT_EXACT"),
        (["search", "a", "--weight", "image"], "needs VECTOR=WEIGHT"),
        (["search", "a", "--collection", "pictures", "--only", "looks"], "no vector 'looks'"),
        (
            ["search", "a", "--collection", "pictures", "--only", "ocr", "--weight", "image=2"],
            "--weight image: this vector is not asked (asked: ocr)",
        ),
        (["search", "a"], "there are drawings, pictures"),
        (
            ["ingest", "FOLDER", "--collection", "p", "--payload-field", "x=double"],
            "with a type of",
        ),
        (["ingest", "FOLDER", "--collection", "p", "--language", "de"], "is there already, in en"),
        (["--timeout", "0", "status"], "timeout: needs a number of seconds above 0"),
    ],
)
def test_bad_input(
    service: Service, folder: Path, capsys: Captured, arguments: list[str], what: str
) -> None:
    service.on("GetCollection", gives(GetCollectionResponse(collection=PICTURES)))
    two = ListCollectionsResponse(collections=[Collection(id="drawings"), PICTURES])
    service.on("ListCollections", gives(two))
    given = [str(folder) if argument == "FOLDER" else argument for argument in arguments]
    assert command(service, *given) == 2
    assert what in one_line(capsys)
    assert not service.requests(SearchRequest)


@pytest.mark.parametrize(
    "arguments",
    [["serch"], ["search", "a", "--limit", "x"], ["ingest", "/none", "--collection", "p"]],
)
def test_bad_usage(service: Service, capsys: Captured, arguments: list[str]) -> None:
    assert command(service, *arguments) == 2
    captured = capsys.readouterr()
    assert "Error: " in captured.err
    assert "Traceback" not in captured.err


def legs(service: Service, *arguments: str) -> list[tuple[str, float | None, str | None]]:
    """The legs of the request that the arguments lead to."""
    service.on("GetCollection", gives(GetCollectionResponse(collection=PICTURES)))
    service.on("Search", gives(answer("image")))
    assert command(service, "search", "--collection", "pictures", *arguments) == 0
    request = service.requests(SearchRequest)[-1]
    if not request.vectors:
        assert request.HasField("input")
    return [
        (v.vector_name, v.weight if v.HasField("weight") else None, v.input.WhichOneof("input"))
        for v in request.vectors
    ]


def test_the_legs_of_a_search(service: Service, folder: Path) -> None:
    picture = str(folder / "0.png")
    assert legs(service, "a") == []
    assert legs(service, "--image", picture) == []
    assert legs(service, "a", "--only", "terms, image") == [
        ("terms", None, "text"),
        ("image", None, "text"),
    ]
    # The others keep their weight, and those that can't answer stay out.
    assert legs(service, "a", "--weight", "image=2") == [
        ("image", 2, "text"),
        ("ocr", None, "text"),
        ("terms", None, "text"),
    ]
    assert legs(service, "--image", picture, "--weight", "ocr=0.5") == [
        ("image", None, "image"),
        ("ocr", 0.5, "image"),
    ]
    assert legs(service, "a", "--image", picture) == [
        ("image", None, "image"),
        ("ocr", None, "text"),
        ("terms", None, "text"),
    ]


def test_a_single_collection_needs_no_name(service: Service, capsys: Captured) -> None:
    service.on("ListCollections", gives(ListCollectionsResponse(collections=[PICTURES])))
    service.on("Search", gives(answer("image")))
    assert command(service, "search", "cup", "--json") == 0
    assert service.requests(SearchRequest)[0].collection_id == "pictures"
    found = json.loads(capsys.readouterr().out)
    # Zeros are told, too: a script need not know the defaults.
    assert found["hits"][2]["vector_scores"][0]["contribution"] == 0
    assert found["hits"][0]["item"]["payload"] == {"file": "mug-1.png"}


def test_one_bad_file_is_told_and_the_rest_is_kept(
    service: Service, folder: Path, capsys: Captured
) -> None:
    service.on("GetCollection", gives(GetCollectionResponse(collection=PICTURES)))
    service.on("UpsertItems", outcomes)
    (folder / "4.json").write_text("{")
    arguments = ["ingest", str(folder), "--collection", "pictures", "--batch", "2"]
    assert command(service, *arguments) == 1
    captured = capsys.readouterr()
    assert "ingesting: 4 of 4" in captured.err
    assert "image.data: the file ends before the picture does [IMAGE_TRUNCATED]" in captured.out
    assert "4.json: is no JSON" in captured.out
    assert "items[" not in captured.out
    assert "warning ALPHA_FLATTENED, 4 items" in captured.out

    assert command(service, *arguments, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["counts"] == {"CREATED": 3, "REPLACED": 0, "UNCHANGED": 0, "FAILED": 2}
    assert [failure["file"] for failure in found["failures"]] == ["4.png", "3.png"]
    assert [outcome["id"] for outcome in found["outcomes"]] == [f"{n}.png" for n in range(4)]


def test_a_server_that_goes_away_ends_the_ingest(
    service: Service, folder: Path, capsys: Captured
) -> None:
    service.on("GetCollection", gives(GetCollectionResponse(collection=PICTURES)))
    service.on("UpsertItems", outcomes, aborts(grpc.StatusCode.UNAVAILABLE, "gone"))
    arguments = ["ingest", str(folder), "--collection", "pictures", "--batch", "2", "--json"]
    assert command(service, *arguments) == 3
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["counts"]["CREATED"] == 2
    assert found["not_sent"] == ["2.png", "3.png", "4.png"]
    assert "can't reach a server" in captured.err
    # One batch that went well, five tries of the next, and none of the third.
    assert len(service.requests(UpsertItemsRequest)) == 6


def test_a_batch_that_is_late_fails_alone(service: Service, folder: Path, capsys: Captured) -> None:
    service.on("GetCollection", gives(GetCollectionResponse(collection=PICTURES)))
    late = aborts(grpc.StatusCode.DEADLINE_EXCEEDED, "late")
    service.on("UpsertItems", late, outcomes)
    (folder / "3.png").unlink()
    assert (
        command(service, "ingest", str(folder), "--collection", "p", "--batch", "2", "--json") == 1
    )
    found = json.loads(capsys.readouterr().out)
    assert found["counts"] == {"CREATED": 2, "REPLACED": 0, "UNCHANGED": 0, "FAILED": 2}
    assert "no answer from" in found["failures"][0]["reason"]


def test_a_collection_is_made_only_if_it_may_be(
    service: Service, folder: Path, capsys: Captured
) -> None:
    absent = refuses(grpc.StatusCode.NOT_FOUND, "COLLECTION_NOT_FOUND", "no collection 'p'")
    service.on("GetCollection", absent)
    service.on("CreateCollection", gives(CreateCollectionResponse(collection=PICTURES)))
    service.on("UpsertItems", outcomes)
    (folder / "3.png").unlink()
    arguments = ["ingest", str(folder), "--collection", "p"]
    assert command(service, *arguments, "--no-create") == 2
    assert one_line(capsys) == "triptych: no collection 'p' [COLLECTION_NOT_FOUND]"
    assert not service.requests(CreateCollectionRequest)

    fields = ["--payload-field", "price=float", "--payload-field", "a=b=bool"]
    assert command(service, *arguments, *fields, "--language", "de") == 0
    [request] = service.requests(CreateCollectionRequest)
    assert request.language == "de"
    assert [(field.name, field.type) for field in request.payload_fields] == [
        ("price", 3),
        ("a=b", 4),
    ]


def test_somebody_else_made_the_collection_meanwhile(service: Service, folder: Path) -> None:
    absent = refuses(grpc.StatusCode.NOT_FOUND, "COLLECTION_NOT_FOUND", "m")
    service.on("GetCollection", absent, gives(GetCollectionResponse(collection=PICTURES)))
    service.on(
        "CreateCollection", refuses(grpc.StatusCode.ALREADY_EXISTS, "COLLECTION_EXISTS", "m")
    )
    service.on("UpsertItems", outcomes)
    (folder / "3.png").unlink()
    assert command(service, "ingest", str(folder), "--collection", "p") == 0


def test_a_sheet_that_can_t_be_written(service: Service, folder: Path, capsys: Captured) -> None:
    service.on("Search", gives(answer("image")))
    out = folder / "none" / "sheet.png"
    arguments = [
        "search",
        "cup",
        "--collection",
        "p",
        "--sheet",
        str(out),
        "--pictures",
        str(folder),
    ]
    assert command(service, *arguments) == 2
    assert "No such file or directory" in one_line(capsys)


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


def test_letters_that_the_terminal_lacks_end_nothing(service: Service) -> None:
    made = answer("image", hits=1)
    made.hits[0].item.caption = "猫 a cat"
    service.on("Search", gives(made))
    program = Path(sys.executable).with_name("triptych")
    done = subprocess.run(
        [program, "--server", service.address, "search", "cup", "--collection", "pictures"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )
    assert b"? a cat" in done.stdout
    assert b"\x1b" not in done.stdout
