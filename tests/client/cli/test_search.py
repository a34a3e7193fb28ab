"""A search: what is asked, and where its answer goes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import grpc
import pytest

from tests.client.cli.answers import answer
from tests.client.cli.shell import PICTURES, Captured, command, one_line
from tests.client.service import Service, aborts, gives
from triptych.v1.collection_service_pb2 import (
    GetCollectionResponse,
    ListCollectionsResponse,
)
from triptych.v1.search_service_pb2 import RecommendRequest, RecommendResponse, SearchRequest


def legs(service: Service, *arguments: str) -> list[tuple[str, float | None, str | None]]:
    """The legs of the request that the arguments lead to."""
    service.on("GetCollection", gives(GetCollectionResponse(collection=PICTURES)))
    service.on("Search", gives(answer("image")))
    assert command(service, "search", "--collection", "pictures", *arguments) == 0
    request = service.requests(SearchRequest)[-1]
    # A picture is sent once, however many legs it is asked of.
    assert request.HasField("input") != any(v.HasField("input") for v in request.vectors)
    return [
        (v.vector_name, v.weight if v.HasField("weight") else None, v.input.WhichOneof("input"))
        for v in request.vectors
    ]


def test_the_legs_of_a_search(service: Service, folder: Path) -> None:
    picture = str(folder / "0.png")
    assert legs(service, "a") == []
    assert legs(service, "--image", picture) == []
    assert legs(service, "a", "--only", "terms, image") == [
        ("terms", None, None),
        ("image", None, None),
    ]
    # The others keep their weight, and those that can't answer stay out.
    assert legs(service, "a", "--weight", "image=2") == [
        ("image", 2, None),
        ("ocr", None, None),
        ("terms", None, None),
    ]
    assert legs(service, "--image", picture, "--weight", "ocr=0.5") == [
        ("image", None, None),
        ("ocr", 0.5, None),
    ]
    assert legs(service, "a", "--image", picture) == [
        ("image", None, "image"),
        ("ocr", None, "text"),
        ("terms", None, "text"),
    ]


@pytest.mark.parametrize("arguments", [["search", "a"], ["recommend", "--like", "a"]])
def test_a_fresh_search_goes_past_the_cache(service: Service, arguments: list[str]) -> None:
    service.on("GetCollection", gives(GetCollectionResponse(collection=PICTURES)))
    service.on("Search", gives(answer("image")))
    service.on("Recommend", gives(RecommendResponse()))
    kind: type[SearchRequest] | type[RecommendRequest]
    kind = SearchRequest if arguments[0] == "search" else RecommendRequest
    for flags, bypassed in (([], False), (["--fresh"], True)):
        assert command(service, *arguments, "--collection", "pictures", *flags) == 0
        assert service.requests(kind)[-1].bypass_query_cache is bypassed


def test_a_single_collection_needs_no_name(service: Service, capsys: Captured) -> None:
    service.on("ListCollections", gives(ListCollectionsResponse(collections=[PICTURES])))
    service.on("Search", gives(answer("image")))
    assert command(service, "search", "cup", "--json") == 0
    assert service.requests(SearchRequest)[0].collection_id == "pictures"
    found = json.loads(capsys.readouterr().out)
    # Zeros are told, too: a script need not know the defaults.
    assert found["hits"][2]["vector_scores"][0]["contribution"] == 0
    assert found["hits"][0]["item"]["payload"] == {"file": "mug-1.png"}


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("sheet.jpg", "is a PNG picture, so its name has to end in .png"),
        ("sheet", "is a PNG picture, so its name has to end in .png"),
        ("none/sheet.png", "can't be written: No such file or directory"),
        ("folder.png", "can't be written: Is a directory"),
        ("0.png/sheet.png", "can't be written: Not a directory"),
    ],
)
def test_a_sheet_that_can_t_be_written_is_told_before_anything_is_asked(
    service: Service, folder: Path, capsys: Captured, name: str, what: str
) -> None:
    (folder / "folder.png").mkdir()
    before = sorted(folder.iterdir())
    sheet = ["--sheet", str(folder / name), "--pictures", str(folder)]
    assert command(service, "search", "cup", *sheet) == 2
    assert one_line(capsys) == f"triptych: --sheet {folder / name}: {what}"
    assert not service.calls
    assert sorted(folder.iterdir()) == before


def test_a_sheet_that_is_there_is_kept_until_the_new_one_is_drawn(
    service: Service, folder: Path
) -> None:
    out = folder / "sheet.PNG"
    out.write_bytes(b"an earlier one")
    service.on("Search", aborts(grpc.StatusCode.INTERNAL, "gone"), gives(answer("image")))
    sheet = ["--sheet", str(out), "--pictures", str(folder)]
    assert command(service, "search", "cup", "--collection", "p", *sheet) == 1
    assert out.read_bytes() == b"an earlier one"
    assert command(service, "search", "cup", "--collection", "p", *sheet) == 0
    assert out.read_bytes().startswith(b"\x89PNG")


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
