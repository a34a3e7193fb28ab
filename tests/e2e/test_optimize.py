"""OptimizeCollection on a real server: through the client, at the shell, and for a Qdrant store."""

from __future__ import annotations

import pytest

from tests.client.cli.real import command, program, write_cups
from tests.client.cli.shell import Captured
from tests.support.server import RunningServer
from triptych import NotFound, make_item
from triptych.v1.collection_pb2 import Optimization


@pytest.fixture(scope="module")
def shelf(server: RunningServer) -> str:
    write_cups(server, "optimized-cups")
    return "optimized-cups"


def test_a_collection_is_optimized_and_answers_as_before(
    server: RunningServer, shelf: str, capsys: Captured
) -> None:
    with server.client() as client:
        assert not client.get_collection(shelf).HasField("optimization")
        before = client.search(shelf, text="a blue cup")
        assert client.optimize_collection(shelf).state == Optimization.STATE_RUNNING
        client.upsert(shelf, [make_item("written-meanwhile", caption="a jug")])
        assert command(server, "collections", "optimize", shelf, "--wait") == 0
        assert capsys.readouterr().out.startswith("done ")
        optimization = client.get_collection(shelf).optimization
        assert optimization.state == Optimization.STATE_DONE
        assert optimization.item_count in (3, 4)  # written before its end, or after
        assert optimization.indexed_vector_count >= 1
        assert optimization.end_time.ToDatetime() > optimization.start_time.ToDatetime()
        client.delete_items(shelf, ids=["written-meanwhile"])
        after = client.search(shelf, text="a blue cup")
        assert [hit.item.id for hit in after.hits] == [hit.item.id for hit in before.hits]
        assert [hit.score for hit in after.hits] == pytest.approx(
            [hit.score for hit in before.hits], abs=1e-5
        )
        with pytest.raises(NotFound) as caught:
            client.optimize_collection("none")
    assert caught.value.reason == "COLLECTION_NOT_FOUND"
    shown = program(server, "collections", "show", shelf).stdout
    assert " in the index" in next(line for line in shown.splitlines() if "optimized" in line[:12])


def test_the_command_says_what_is_wrong(server: RunningServer, capsys: Captured) -> None:
    assert command(server, "collections", "optimize", "none") == 2
    assert "COLLECTION_NOT_FOUND" in capsys.readouterr().err
