"""Items at the shell, on a real server: get, list, count and delete."""

import json
import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from google.protobuf.json_format import Parse
from PIL import Image

from tests.client.cli.real import PROGRAM, SPRITES, command, program
from tests.client.cli.shell import Captured, one_line
from tests.support.server import RunningServer
from triptych import Item, make_item


def ids(server: RunningServer, name: str) -> set[str]:
    """The items that are really there."""
    with server.client() as client:
        return {item.id for item in client.list_items(name)}


def test_an_item_with_all_that_is_kept_of_it(
    server: RunningServer, cups: str, capsys: Captured
) -> None:
    assert command(server, "get", cups, "cups/mug") == 0
    text = capsys.readouterr().out
    rows = dict(re.findall(r"^(\S[\w ]*?|  \w+)  +(\S.*?) *$", text, re.M))
    assert rows["id"] == "cups/mug"
    assert rows["caption"] == "A cup of coffee"
    assert re.search(r"^written +GOOD *\n +MORNING *$", text, re.M)
    assert rows["ocr"] == "supplied"
    assert rows["  price"] == "12.5"
    assert rows["  tags"] == '["red", "new"]'
    assert rows["  name"] == "Möwe"
    size = len((SPRITES / "coffee.png").read_bytes())
    assert f"{size / 1000:.1f} kB, SHA-256" in rows["picture"]
    assert re.match(
        r"original, image/png \d+×\d+, .* kB; thumbnail, image/webp", rows["kept of it"]
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", rows["created"])
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", rows["point"])
    assert all(len(line) <= 100 for line in text.splitlines())
    assert command(server, "get", cups, "cups/jug") == 0
    assert "picture" not in capsys.readouterr().out


def test_an_item_as_json_is_the_contract_s(
    server: RunningServer, cups: str, capsys: Captured
) -> None:
    assert command(server, "get", cups, "cups/mug", "--vectors", "--json") == 0
    found = Parse(capsys.readouterr().out, Item())
    with server.client() as client:
        fields = ["caption", "ocr_text", "payload", "image_info", "ocr", "create_time"]
        whole = client.get_item(cups, "cups/mug", return_fields=[*fields, "update_time", "vectors"])
        assert found == whole
        assert command(server, "get", cups, "cups/mug", "--json") == 0
        assert Parse(capsys.readouterr().out, Item()) == client.get_item(cups, "cups/mug")


def test_the_vectors_of_an_item(server: RunningServer, cups: str, capsys: Captured) -> None:
    assert command(server, "get", cups, "cups/mug", "--vectors") == 0
    text = capsys.readouterr().out
    with server.client() as client:
        vectors = client.get_item(cups, "cups/mug", return_fields=["vectors"]).vectors
    dense = np.asarray(vectors["image"].dense.values)
    row = re.search(rf"^image +dense +{len(dense)} +(.*), … *$", text, re.M)
    assert row is not None
    shown = np.asarray([float(value) for value in row[1].split(", ")])
    assert np.allclose(shown, dense[:4], rtol=0.006)
    assert re.search(rf"^caption +multi +1 × {len(dense)} +-?0\.", text, re.M)
    index = vectors["terms"].sparse.indices[0]
    assert re.search(
        rf"^terms +sparse +{len(vectors['terms'].sparse.indices)} entries +{index}: ", text, re.M
    )


def test_the_picture_of_an_item_is_saved(
    server: RunningServer, cups: str, tmp_path: Path, capsys: Captured
) -> None:
    out = tmp_path / "mug.png"
    assert command(server, "get", cups, "cups/mug", "--image", str(out)) == 0
    assert out.read_bytes() == (SPRITES / "coffee.png").read_bytes()
    assert re.fullmatch(
        rf"picture: {out}, the original, image/png \d+×\d+, .* kB\n", capsys.readouterr().err
    )
    thumbnail = ["--variant", "thumbnail", "--image", str(out), "--json"]
    assert command(server, "get", cups, "cups/mug", *thumbnail) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["id"] == "cups/mug"
    assert captured.err.endswith(", whatever its name says (image/png)\n")
    with Image.open(out) as image:
        assert image.format == "WEBP"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["cups/none"], "ID: there is no item 'cups/none' in this collection [ITEM_NOT_FOUND]"),
        ([""], "ID: is empty [ID_EMPTY]"),
        (
            ["cups/jug", "--image", "FOLDER/x"],
            "ID: the item 'cups/jug' has no picture [ITEM_HAS_NO_IMAGE]",
        ),
        (
            ["cups/mug", "--image", "FOLDER/none/x"],
            "--image FOLDER/none/x: can't be written: No such file or directory",
        ),
        (
            ["cups/mug", "--variant", "original"],
            "--variant is which picture --image saves; give --image too",
        ),
    ],
)
def test_an_item_that_can_t_be_had(
    server: RunningServer,
    cups: str,
    tmp_path: Path,
    capsys: Captured,
    arguments: list[str],
    line: str,
) -> None:
    given = [argument.replace("FOLDER", str(tmp_path)) for argument in arguments]
    assert command(server, "get", cups, *given) == 2
    captured = capsys.readouterr()
    assert captured.err == f"triptych: {line.replace('FOLDER', str(tmp_path))}\n"
    assert not captured.out
    assert not list(tmp_path.iterdir())


def test_a_collection_that_is_not_there(server: RunningServer, capsys: Captured) -> None:
    for arguments in (
        ["get", "nowhere", "a"],
        ["list", "nowhere"],
        ["count", "nowhere"],
        ["delete", "nowhere", "a", "--yes"],
        ["collections", "show", "nowhere"],
        ["collections", "delete", "nowhere", "--yes"],
    ):
        assert command(server, *arguments) == 2
        assert "there is no collection 'nowhere': " in one_line(capsys)
    assert command(server, "count", "No where") == 2
    assert one_line(capsys).startswith("triptych: COLLECTION: needs 1 to 63 of a-z")


def test_items_are_listed(server: RunningServer, cups: str, capsys: Captured) -> None:
    assert command(server, "list", cups) == 0
    captured = capsys.readouterr()
    assert re.match(r"id +caption +picture +updated *\n", captured.out)
    assert re.search(r"^cups/mug +A cup of coffee +PNG \d+×\d+ +\d{4}-", captured.out, re.M)
    assert re.search(r"^cups/jug +A jug of milk +\d{4}-", captured.out, re.M)
    assert all(len(line) <= 100 for line in captured.out.splitlines())
    assert not captured.err
    assert command(server, "list", cups, "--where", "price > 1000") == 0
    assert capsys.readouterr().out == "no items\n"


def test_lists_for_scripts(server: RunningServer, cups: str, capsys: Captured) -> None:
    with server.client() as client:
        there = list(client.list_items(cups))
    assert command(server, "list", cups, "--ids") == 0
    assert capsys.readouterr().out.splitlines() == [item.id for item in there]
    assert command(server, "list", cups, "--json") == 0
    assert [Parse(line, Item()) for line in capsys.readouterr().out.splitlines()] == there
    assert command(server, "list", cups, "--ids", "--where", "price < 20", "--limit", "1") == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [next(item.id for item in there if item.id != "cups/jug")]
    assert captured.err == "triptych: 1 of 2 items; --limit or --all shows more\n"
    assert command(server, "list", cups, "--ids", "--all", "--limit", "1") == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 3
    assert not captured.err
    assert command(server, "list", cups, "--ids", "--json") == 2
    assert one_line(capsys) == "triptych: give either --ids or --json"


def test_a_list_that_nobody_reads_on_ends_without_a_trace(server: RunningServer, cups: str) -> None:
    line = f"'{PROGRAM}' --server {server.address} list {cups} --ids | head -n 1"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_a_count_is_a_bare_number(server: RunningServer, cups: str, capsys: Captured) -> None:
    assert command(server, "count", cups) == 0
    assert capsys.readouterr().out == "3\n"
    assert command(server, "count", cups, "--where", "price < 20", "--where", "price > 10") == 0
    assert capsys.readouterr() == ("1\n", "")
    assert command(server, "count", cups, "--where", "name = 'Möwe'", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["count"] == 1
    assert found["warnings"][0]["code"] == "CODE_FILTER_FIELD_UNINDEXED"
    assert command(server, "count", cups, "--where", "name = 'Möwe'") == 0
    captured = capsys.readouterr()
    assert captured.out == "1\n"
    assert captured.err.startswith("triptych: warning FILTER_FIELD_UNINDEXED: ")
    assert "name has no index" in captured.err
    assert command(server, "count", cups, "--where", "price") == 2
    assert "--where: at character 6: expected" in one_line(capsys)


def test_items_are_deleted_by_their_ids(server: RunningServer, cups: str, capsys: Captured) -> None:
    given = ["cups/mug", "cups/none", "cups/jug", "cups/mug"]
    assert command(server, "delete", cups, *given, "--yes") == 0
    captured = capsys.readouterr()
    assert captured.out == "2 items deleted\n"
    assert captured.err == "triptych: 1 of 3 ids are not there\n"
    assert ids(server, cups) == {"cups/cup"}
    assert command(server, "delete", cups, "cups/mug", "--yes", "--json") == 0
    assert json.loads(capsys.readouterr().out)["deleted_count"] == 0
    assert command(server, "delete", cups, "", "x" * 600, "--yes") == 2
    assert one_line(capsys) == (
        "triptych: ID: is empty; ID: is too long (got 600 bytes, allowed 512) [ID_EMPTY]"
    )


def test_more_ids_than_a_request_takes(server: RunningServer, cups: str, capsys: Captured) -> None:
    more = [f"n{index}" for index in range(1000)]
    with server.client() as client:
        client.upsert(cups, [make_item(name, caption="a cup") for name in more], batch_size=256)
    assert command(server, "delete", cups, *more, "cups/cup", "--yes") == 0
    assert capsys.readouterr().out == "1,001 items deleted\n"
    assert ids(server, cups) == {"cups/mug", "cups/jug"}


def test_items_are_deleted_by_a_test_or_all(
    server: RunningServer, cups: str, capsys: Captured
) -> None:
    assert command(server, "delete", cups, "--where", "price > 10", "--yes", "--json") == 0
    assert json.loads(capsys.readouterr().out)["deleted_count"] == 2
    assert ids(server, cups) == {"cups/cup"}
    assert command(server, "delete", cups, "--all", "-y") == 0
    assert capsys.readouterr().out == "1 item deleted\n"
    assert command(server, "delete", cups, "--all", "--yes") == 0
    assert capsys.readouterr().out == "0 items deleted\n"


@pytest.mark.parametrize(
    "arguments",
    [[], ["cups/mug", "--all"], ["--all", "--where", "price>0"], ["cups/mug", "--where", "a=1"]],
)
def test_what_is_to_go_is_said_in_one_way(
    server: RunningServer, cups: str, capsys: Captured, arguments: list[str]
) -> None:
    assert command(server, "delete", cups, *arguments, "--yes") == 2
    assert one_line(capsys) == "triptych: delete needs one of ID, --where and --all"
    assert len(ids(server, cups)) == 3


@dataclass(frozen=True)
class Asked:
    """The command at a terminal, which has asked."""

    process: "subprocess.Popen[str]"
    question: str
    terminal: int

    def answer(self, text: str) -> tuple[int, str, str]:
        """Types an answer; the exit status, stdout and the rest of stderr."""
        os.write(self.terminal, text.encode())
        return self.ended()

    def ended(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


@contextmanager
def asked(server: RunningServer, *arguments: str) -> Iterator[Asked]:
    """The command with a terminal to ask at, up to its question."""
    terminal, inner = pty.openpty()
    with subprocess.Popen(
        [PROGRAM, "--server", server.address, *arguments],
        stdin=inner,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        os.close(inner)
        assert process.stderr is not None
        question = ""
        while not question.endswith("[y/N] "):
            letter = process.stderr.read(1)
            assert letter, question
            question += letter
        try:
            yield Asked(process, question, terminal)
        finally:
            os.close(terminal)


def test_it_asks_with_the_count_before_it_deletes(server: RunningServer, cups: str) -> None:
    with asked(server, "delete", cups, "--where", "price > 10") as it:
        assert it.question == f"delete 2 items of collection '{cups}'? [y/N] "
        assert it.answer("\n") == (1, "", "triptych: nothing is deleted\n")
    with asked(server, "delete", cups, "cups/mug", "cups/none") as it:
        assert it.question == (
            f"triptych: 1 of 2 ids are not there\ndelete 1 item of collection '{cups}'? [y/N] "
        )
        assert it.answer("no\n") == (1, "", "triptych: nothing is deleted\n")
    assert len(ids(server, cups)) == 3
    with asked(server, "delete", cups, "--all") as it:
        assert it.question == f"delete all 3 items of collection '{cups}'? [y/N] "
        assert it.answer("y\n") == (0, "3 items deleted\n", "")
    assert not ids(server, cups)


def test_ctrl_c_at_the_question_deletes_nothing(server: RunningServer, cups: str) -> None:
    with asked(server, "delete", cups, "--all") as it:
        it.process.send_signal(signal.SIGINT)
        code, _, err = it.ended()
    assert code == 130
    assert "Traceback" not in err
    assert len(ids(server, cups)) == 3


def test_where_nobody_can_be_asked_nothing_is_deleted(server: RunningServer, cups: str) -> None:
    for arguments in (["delete", cups, "--all"], ["collections", "delete", cups]):
        done = program(server, *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            "triptych: it asks before it deletes, and no terminal is there: give --yes\n"
        )
    assert len(ids(server, cups)) == 3


def test_a_collection_is_deleted_once_it_is_said_twice(server: RunningServer, cups: str) -> None:
    with asked(server, "collections", "delete", cups) as it:
        assert it.question == f"delete collection '{cups}' with 3 items? [y/N] "
        assert it.answer("n\n") == (1, "", "triptych: nothing is deleted\n")
    assert len(ids(server, cups)) == 3
    with asked(server, "collections", "delete", cups) as it:
        assert it.answer("yes\n") == (0, f"collection {cups} deleted, with 3 items\n", "")
    with server.client() as client:
        assert cups not in [one.id for one in client.list_collections()]
