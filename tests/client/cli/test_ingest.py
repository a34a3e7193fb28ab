"""An ingest: every picture is accounted for, whatever the server does."""

import json
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import grpc
import pytest
from google.protobuf.message import Message

from tests.client.cli.shell import PICTURES, Captured, command, one_line, outcomes
from tests.client.service import Service, aborts, gives, refuses
from triptych.cli import writing
from triptych.v1.collection_service_pb2 import (
    CreateCollectionRequest,
    CreateCollectionResponse,
    GetCollectionResponse,
)
from triptych.v1.item_service_pb2 import UpsertItemsRequest, UpsertItemsResponse


def test_one_bad_file_is_told_and_the_rest_is_kept(
    service: Service, folder: Path, capsys: Captured
) -> None:
    service.on("GetCollection", gives(GetCollectionResponse(collection=PICTURES)))
    service.on("UpsertItems", outcomes)
    (folder / "4.json").write_text("{")
    arguments = ["ingest", str(folder), "--collection", "pictures", "--batch", "2"]
    assert command(service, *arguments) == 1
    captured = capsys.readouterr()
    assert captured.err == (
        "ingesting: 3 of 5: 2 written, 1 failed\ningesting: 5 of 5: 3 written, 2 failed\n"
    )
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
    assert found["counts"] == {
        "CREATED": 2,
        "REPLACED": 0,
        "UNCHANGED": 0,
        "FAILED": 0,
        "NOT_DONE": 3,
    }
    assert found["not_done"] == ["2.png", "3.png", "4.png"]
    progress, complaint = captured.err.splitlines()
    assert progress == "ingesting: 2 of 5: 2 written"
    assert complaint.startswith("triptych: can't reach a server")
    assert complaint.endswith(
        "(start one with triptych-server, or name another with --server HOST:PORT); "
        "3 of 5 pictures are not done; the same command goes on from there"
    )
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
    captured = capsys.readouterr()
    assert captured.err == "ingesting: 2 of 4: 2 failed\ningesting: 4 of 4: 2 written, 2 failed\n"
    found = json.loads(captured.out)
    assert found["counts"] == {"CREATED": 2, "REPLACED": 0, "UNCHANGED": 0, "FAILED": 2}
    reason = found["failures"][0]["reason"]
    assert "no answer from" in reason
    assert reason.endswith("it may be written all the same")


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
    assert one_line(capsys) == (
        "triptych: there is no collection 'p', and with --no-create none is made"
    )
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


def test_ctrl_c_ends_an_ingest_with_an_account_of_it(service: Service, folder: Path) -> None:
    service.on("GetCollection", gives(GetCollectionResponse(collection=PICTURES)))
    program = Path(sys.executable).with_name("triptych")
    arguments = ["ingest", str(folder), "--collection", "pictures", "--batch", "2"]
    ended = threading.Event()
    running: list[subprocess.Popen[str]] = []

    def interrupts(request: Message, context: grpc.ServicerContext) -> UpsertItemsResponse:
        running[0].send_signal(signal.SIGINT)
        ended.wait(timeout=30)
        return UpsertItemsResponse()

    service.on("UpsertItems", outcomes, interrupts)
    with subprocess.Popen(
        [program, "--server", service.address, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        running.append(process)
        out, err = process.communicate(timeout=30)
        ended.set()
    assert process.returncode == 130
    assert re.search(r"^ +2 +0 +0 +0 +3 *$", out, re.M)
    assert err.splitlines() == [
        "ingesting: 2 of 5: 2 written",
        "triptych: interrupted: 3 of 5 pictures are not done; the same command goes on from there",
    ]


def test_a_batch_is_one_message_at_most(
    service: Service, folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was answered is never counted among what a later part of its batch met."""
    monkeypatch.setattr(writing, "MAX_BATCH_BYTES", 100)
    service.on("GetCollection", gives(GetCollectionResponse(collection=PICTURES)))
    service.on("UpsertItems", outcomes, aborts(grpc.StatusCode.DEADLINE_EXCEEDED, "late"))
    (folder / "3.png").unlink()
    assert command(service, "ingest", str(folder), "--collection", "p", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    sent = [[item.id for item in request.items] for request in service.requests(UpsertItemsRequest)]
    assert len(sent) == 2
    assert [outcome["id"] for outcome in found["outcomes"]] == sent[0]
    assert [failure["file"] for failure in found["failures"]] == sent[1]
