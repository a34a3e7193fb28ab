"""The folder of pictures: whole files or none, equal ones once, and what is done about faults."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from triptych_server.domain.errors import Exhausted, Reason, Unavailable
from triptych_server.domain.pictures import PictureKey
from triptych_server.store.errors import PicturesFull
from triptych_server.store.picture_folder import FolderPictures
from triptych_server.store.pictures import Pictures

ALBUM = "pictures.20261121T120000000000Z"
DATA = b"a picture" * 1000


@pytest.fixture
def folder(tmp_path: Path) -> FolderPictures:
    made = FolderPictures(tmp_path / "pictures", min_free_bytes=2**20)
    made.open()
    return made


def key_of(item: int, data: bytes = DATA) -> PictureKey:
    return PictureKey(ALBUM, str(uuid.UUID(int=item)), hashlib.sha256(data).hexdigest())


def names(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def room(root: Path) -> int:
    """Bytes on the disk, each file once."""
    found = {path.stat().st_ino: path.stat().st_size for path in names(root)}
    return sum(found.values())


def test_equal_pictures_take_room_once(folder: FolderPictures, tmp_path: Path) -> None:
    for item in range(100):
        folder.put(key_of(item), DATA)
    assert room(tmp_path) == len(DATA)
    for item in range(99):
        folder.remove([key_of(item)])
    assert room(tmp_path) == len(DATA)
    assert folder.holds(key_of(99), len(DATA))
    folder.remove([key_of(99)])
    assert names(tmp_path) == []


def test_names_are_those_of_the_published_layout(folder: FolderPictures, tmp_path: Path) -> None:
    folder.put(key_of(1), DATA)
    album, sha = tmp_path / "pictures" / ALBUM, key_of(1).sha256
    assert names(tmp_path) == [
        album / "content" / sha[:2] / sha,
        album / "items" / "00" / f"{uuid.UUID(int=1)}.{sha}",
    ]


def test_a_damaged_file_is_told_and_put_anew(folder: FolderPictures, tmp_path: Path) -> None:
    """Also where its damage is that of all that share it: they are not given it again."""
    for item in (1, 2):
        folder.put(key_of(item), DATA)
    for path in names(tmp_path):
        spoilt = bytearray(path.read_bytes())
        spoilt[4000] ^= 1
        path.write_bytes(spoilt)
        break
    assert not folder.holds(key_of(1), len(DATA))
    assert not folder.holds(key_of(2), len(DATA))
    folder.put(key_of(1), DATA)
    assert folder.holds(key_of(1), len(DATA))
    assert not folder.holds(key_of(2), len(DATA))
    folder.put(key_of(2), DATA)
    folder.put(key_of(3), DATA)
    assert folder.holds(key_of(2), len(DATA))
    assert room(tmp_path) == len(DATA)


@pytest.mark.parametrize("cut", [0, 1, 4000])
def test_a_cut_file_is_put_anew(folder: FolderPictures, tmp_path: Path, cut: int) -> None:
    folder.put(key_of(1), DATA)
    os.truncate(names(tmp_path)[0], cut)
    assert not folder.holds(key_of(1), len(DATA))
    folder.put(key_of(1), DATA)
    assert folder.holds(key_of(1), len(DATA))


def test_a_nearly_full_disk_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    folder = FolderPictures(tmp_path / "pictures", min_free_bytes=2**60)
    folder.open()
    with pytest.raises(PicturesFull):
        folder.put(key_of(1), DATA)
    assert names(tmp_path) == []


async def test_a_full_disk_is_the_domains_error(tmp_path: Path) -> None:
    folder = FolderPictures(tmp_path / "pictures", min_free_bytes=2**60)
    folder.open()
    pictures = Pictures(folder)
    with pytest.raises(Exhausted) as caught:
        await pictures.put(key_of(1), DATA)
    assert caught.value.reason is Reason.STORE_FULL
    await pictures.close()


_LIMITED = """
import resource, signal, sys
from pathlib import Path
from triptych_server.store.errors import PicturesFull
from triptych_server.store.picture_folder import FolderPictures
from triptych_server.domain.pictures import PictureKey
folder = FolderPictures(Path(sys.argv[1]), min_free_bytes=1)
folder.open()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    folder.put(PictureKey(sys.argv[2], sys.argv[3], sys.argv[4]), b"a picture" * 1000)
except PicturesFull:
    print("full")
"""


def test_a_write_that_ends_half_way_leaves_nothing(tmp_path: Path) -> None:
    """The system itself refuses what goes beyond the file's limit, as it does on a full disk."""
    key = key_of(1)
    command = [sys.executable, "-c", _LIMITED, str(tmp_path), key.album, key.point_id, key.sha256]
    assert subprocess.check_output(command, text=True) == "full\n"
    assert names(tmp_path) == []


async def test_a_disk_that_fails_is_unavailable(tmp_path: Path) -> None:
    folder = FolderPictures(tmp_path / "pictures", min_free_bytes=1)
    folder.open()
    (tmp_path / "pictures" / ALBUM).write_bytes(b"where a folder should be")
    pictures = Pictures(folder)
    with pytest.raises(Unavailable) as caught:
        await pictures.put(key_of(1), DATA)
    assert str(tmp_path) not in caught.value.message
    await pictures.close()


def test_leftovers_are_removed_when_they_are_old(tmp_path: Path) -> None:
    FolderPictures(tmp_path).open()
    writing = tmp_path / ".writing"
    (writing / "young").write_bytes(b"half")
    (writing / "old").write_bytes(b"half")
    (writing / "album" / "items").mkdir(parents=True)
    (writing / "album" / "items" / "file").write_bytes(b"dropped")
    past = time.time() - 2 * 3600
    os.utime(writing / "old", (past, past))
    FolderPictures(tmp_path).open()
    assert [path.name for path in writing.iterdir()] == ["young"]


def test_without_hard_links_each_has_a_file_of_its_own(
    folder: FolderPictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*names: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    for item in (1, 2):
        folder.put(key_of(item), DATA)
    assert room(tmp_path) == 2 * len(DATA)
    folder.remove([key_of(1)])
    assert folder.holds(key_of(2), len(DATA))
    folder.remove([key_of(2)])
    assert names(tmp_path) == []


def test_foreign_files_are_left_alone(folder: FolderPictures, tmp_path: Path) -> None:
    folder.put(key_of(1), DATA)
    shard = tmp_path / "pictures" / ALBUM / "items" / "00"
    (shard / ".DS_Store").write_bytes(b"x")
    (tmp_path / "pictures" / ".condemned" / "lost+found").write_bytes(b"")
    assert [file.key for page in folder.pages(ALBUM) for file in page] == [key_of(1)]
    assert folder.condemned() == ()


class SlowFolder(FolderPictures):
    """A folder on a slow disk."""

    def put(self, key: PictureKey, data: bytes) -> None:
        time.sleep(0.3)
        super().put(key, data)


async def test_a_put_that_is_given_up_is_at_rest_when_it_is_told(tmp_path: Path) -> None:
    """Whoever gets the item's lock next must not meet a file that is still to come."""
    folder = SlowFolder(tmp_path, min_free_bytes=1)
    folder.open()
    pictures = Pictures(folder)
    putting = asyncio.create_task(pictures.put(key_of(1), DATA))
    await asyncio.sleep(0.05)
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert folder.holds(key_of(1), len(DATA))
    await pictures.close()
