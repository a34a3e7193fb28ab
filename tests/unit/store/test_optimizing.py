"""The parts of an optimization, each alone."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from triptych_server.store.catalogue import Catalogue, UnreadableCollection
from triptych_server.store.edge_copy import bytes_to_optimize, copy_folder, used_bytes
from triptych_server.store.edge_write_log import WriteLog, logged_size, read_log
from triptych_server.store.write_gate import WriteGate


def test_a_log_gives_back_what_was_written_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = WriteLog(path)
    for number in range(5):
        log.append(("request", number))
    end = logged_size(path)
    assert (log.is_whole, log.size) == (True, end)
    first = list(read_log(path, 0, end - 1))
    assert [request for request, _ in first] == [("request", number) for number in range(4)]
    # A record that was not whole yet is read from its beginning the next time.
    assert list(read_log(path, first[-1][1], end)) == [(("request", 4), end)]
    assert not list(read_log(path, end, end))
    log.spoil()
    log.append(("request", 5))
    assert not log.is_whole
    assert logged_size(path) == end
    log.close()


@pytest.mark.skipif(sys.platform != "linux", reason="a file without room is Linux's")
def test_a_log_without_room_is_not_whole_and_stops_no_write() -> None:
    log = WriteLog(Path("/dev/full"))
    log.append("request")
    assert (log.is_whole, log.size) == (False, 0)
    log.append("request")
    log.close()


def test_a_copy_has_the_content_and_the_holes(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "segments").mkdir(parents=True)
    (source / "empty").touch()
    with (source / "segments" / "sparse").open("wb") as file:
        file.truncate(32 * 2**20)
        for place in (2**20, 20 * 2**20 + 17):
            file.seek(place)
            file.write(b"points" * 1000)
    (source / "full").write_bytes(bytes(range(256)) * 5000)
    copy_folder(source, tmp_path / "copy")
    for name in ("empty", "segments/sparse", "full"):
        copied = (tmp_path / "copy" / name).read_bytes()
        assert copied == (source / name).read_bytes()
    assert used_bytes(tmp_path / "copy") < 4 * 2**20
    needed = bytes_to_optimize(source, points=1000, graphs=3)
    assert needed >= 2 * used_bytes(source) + 3 * 1000 * 4 * 32


async def test_a_gate_lets_writes_pass_in_order_once_it_is_open() -> None:
    gate, passed = WriteGate(), list[str]()

    async def write(collection_id: str, name: str) -> None:
        await gate.passed(collection_id)
        passed.append(name)

    with gate.held("things"):
        writes = [asyncio.create_task(write("things", name)) for name in "ab"]
        await write("others", "of others")
        await asyncio.sleep(0)
        assert passed == ["of others"]
    await asyncio.gather(*writes)
    assert passed == ["of others", "a", "b"]


def test_a_shard_counts_once_it_is_named_and_no_other_is_left(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path)
    folder = tmp_path / "collections" / "things"
    (folder / "shard").mkdir(parents=True)
    assert catalogue.shard("things") == folder / "shard"
    target = catalogue.next_shard("things")
    target.mkdir()
    catalogue.writes("things").touch()
    catalogue.replace_shard("things", target)
    assert catalogue.shard("things") == target
    catalogue.clear("things")
    assert sorted(entry.name for entry in folder.iterdir()) == ["current", target.name]
    # Where the one that counts is missing, nothing is thrown away.
    target.rename(folder / "shard-00000000")
    catalogue.clear("things")
    assert (folder / "shard-00000000").is_dir()
    (folder / "current").write_text("../others\n")
    with pytest.raises(UnreadableCollection):
        catalogue.shard("things")
