"""Collections at the shell, on a real server."""

import json
import re

import pytest
from google.protobuf.json_format import Parse

from tests.client.cli.real import command, program
from tests.client.cli.shell import Captured, one_line
from tests.support.server import RunningServer
from triptych import Collection, VectorSpace
from triptych.cli.output import stdout
from triptych.cli.spaces import render_collection, render_list
from triptych.v1.collection_pb2 import StorageSettings
from triptych.v1.collection_service_pb2 import ListCollectionsResponse


def test_the_collections_with_their_vectors_and_fields(server: RunningServer, cups: str) -> None:
    done = program(server, "collections")
    assert done.returncode == 0
    assert re.match(r"collection +items +language +vectors +fields *\n", done.stdout)
    lines = iter(done.stdout.splitlines())
    mine = [
        next(line for line in lines if line.startswith(cups[:20])),
        *(next(lines) for _ in "123"),
    ]
    words = " ".join(mine)
    assert re.search(r" 3 +en +image +dense +cosine tiny-clip +price float", words)
    assert re.search(r"caption +multi +cosine tiny-clip +made +datetime", words)
    assert re.search(r"terms +sparse dot +bm25", words)
    assert "\x1b" not in done.stdout
    assert all(len(line) <= 100 for line in done.stdout.splitlines())


def test_the_collections_as_json(server: RunningServer, cups: str, capsys: Captured) -> None:
    assert command(server, "collections", "--json") == 0
    listed = Parse(capsys.readouterr().out, ListCollectionsResponse())
    assert command(server, "collections", "show", cups, "--json") == 0
    shown = Parse(capsys.readouterr().out, Collection())
    with server.client() as client:
        assert shown == client.get_collection(cups)
        assert list(listed.collections) == list(client.list_collections())
    assert command(server, "collections", "--json", "show", cups) == 2
    assert one_line(capsys) == "triptych: --json: give it behind show"


def test_a_collection_is_made_and_shown(server: RunningServer, capsys: Captured) -> None:
    fields = ["--field", "price=float", "--payload-field", "place.city=keyword"]
    settings = ["--retention", "original", "--language", "de", "--unindexed-filters", "refuse"]
    arguments = ["collections", "create", "made", *fields, *settings, "--encoder", "tiny-clip"]
    assert command(server, *arguments) == 0
    text = capsys.readouterr().out
    with server.client() as client:
        made = client.get_collection("made")
    assert made.language == "de"
    assert made.image_retention == Collection.IMAGE_RETENTION_ORIGINAL
    assert made.unindexed_filter_policy == Collection.UNINDEXED_FILTER_POLICY_REFUSE
    assert {one.name: one.type for one in made.payload_fields} == {"price": 3, "place.city": 1}
    for row in (
        "collection +made",
        "items +0",
        "language +de",
        "keeps of pictures +original",
        "unindexed filters +refuse",
        r"image +image +dense +cosine +256 +– +tiny-clip [0-9a-f]+",
        r"ocr +ocr text +multi +cosine +256 +\d+ × \d+ tokens +tiny-clip [0-9a-f]+",
        r"terms +caption, ocr text +sparse +dot +– +– +bm25 \S+",
        "price +float",
        r"place\.city +keyword",
    ):
        assert re.search(rf"^{row} *$", text, re.M), row
    assert all(len(line) <= 100 for line in text.splitlines())
    assert command(server, *arguments) == 2
    assert "[COLLECTION_EXISTS]" in one_line(capsys)
    assert command(server, "collections", "delete", "made", "--yes") == 0
    assert capsys.readouterr().out == "collection made deleted, with 0 items\n"


def test_a_collection_is_made_with_the_server_s_own_settings(
    server: RunningServer, capsys: Captured
) -> None:
    assert command(server, "collections", "create", "plain", "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert made["language"] == "en"
    assert made["image_retention"] == "IMAGE_RETENTION_THUMBNAIL"
    assert made["unindexed_filter_policy"] == "UNINDEXED_FILTER_POLICY_WARN"
    assert command(server, "collections", "delete", "plain", "--yes") == 0


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["Shop"], "ID: needs 1 to 63 of a-z, 0-9, _ and -"),
        (["shop", "--field", "price"], "--field price: needs FIELD=TYPE, with a type of keyword"),
        (["shop", "--field", "price=double"], "--field price=double: needs FIELD=TYPE"),
        (
            ["shop", "--field", "a=text", "--field", "a=geo"],
            "--field a=geo: a has a type already",
        ),
        (["shop", "--field", "a b=text"], "--field: a key with a space"),
        (["shop", "--language", "tlh"], "--language: is not supported (got tlh"),
        (["shop", "--encoder", "eyes"], "--encoder: no such encoder (got eyes, allowed tiny-clip)"),
    ],
)
def test_a_collection_that_can_t_be_made(
    server: RunningServer, capsys: Captured, arguments: list[str], what: str
) -> None:
    assert command(server, "collections", "create", *arguments) == 2
    assert f"triptych: {what}" in one_line(capsys)
    with server.client() as client:
        assert "shop" not in [one.id for one in client.list_collections()]


def test_a_space_of_supplied_vectors_and_the_settings_of_a_qdrant_server(
    capsys: Captured,
) -> None:
    """The embedded engine has no such settings, so nothing here comes from a server."""
    audio = VectorSpace(
        name="audio",
        sources=[VectorSpace.SOURCE_SUPPLIED],
        kind=VectorSpace.KIND_DENSE,
        distance=VectorSpace.DISTANCE_DOT,
        dimension=1024,
    )
    storage = StorageSettings(
        shard_number=2, on_disk=True, quantization=StorageSettings.QUANTIZATION_SCALAR_INT8
    )
    storage.hnsw_config.ef_construct = 200
    made = Collection(id="sounds", language="en", vector_spaces=[audio], storage=storage)
    render_collection(made, stdout())
    text = capsys.readouterr().out
    assert re.search(
        r"^audio +supplied +dense +dot +1,024 +– +whoever brings the item *$", text, re.M
    )
    assert re.search(
        r"^storage +shard number 2, ef_construct 200, on disk true, quantization scalar int8 *$",
        text,
        re.M,
    )
    render_list([made], stdout())
    assert re.search(r"^sounds +0 +en +audio dense dot supplied *$", capsys.readouterr().out, re.M)
    render_list([], stdout())
    assert (
        capsys.readouterr().out == "no collections yet: triptych collections create ID makes one\n"
    )
