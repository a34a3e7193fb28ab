"""Finds the pictures of a folder and what belongs to each."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from triptych.cli.captions import (
    CaptionFile,
    Failure,
    Words,
    normal_name,
    read_sidecars,
    sidecars_of,
)
from triptych.items import make_item
from triptych.v1.item_pb2 import Item

SUFFIXES = frozenset(
    {".avif", ".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
)
FILE_KEY = "file"
"""The payload key that holds a picture's path, relative to the folder it was ingested from."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture to be ingested; `name` is its path relative to the folder, with `/`."""

    name: str
    path: Path
    words: Words

    def item(self, *, max_bytes: int) -> Item:
        """The picture as an item; its name is the id, and stands in the payload too.

        Raises:
            ArgumentError: the payload or the name can't be put into a message.
            ValueError: the file is larger than `max_bytes`, or is no regular file.
            OSError: the file can't be read.
        """
        found = self.path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("is no regular file")
        if found.st_size > max_bytes:
            raise ValueError(
                f"is larger than a message may be (got {found.st_size} bytes, allowed {max_bytes})"
            )
        return make_item(
            self.name,
            image=self.path,
            caption=self.words.caption,
            ocr_text=self.words.ocr_text,
            payload={**self.words.payload, FILE_KEY: self.name},
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What an ingest of a folder will do."""

    pictures: Sequence[Picture]
    failures: Sequence[Failure]
    skipped: Sequence[str]


def plan(folder: Path, captions: CaptionFile | None = None, *, ignore: Path | None = None) -> Plan:
    """Looks through `folder` and all folders in it, but for hidden ones, in the order of names.

    Args:
        folder: where the pictures are; what is one, its suffix says.
        captions: words from a CSV file; stronger than the files beside the pictures.
        ignore: a file that is neither a picture nor worth a mention: the CSV file itself.
    """
    words = {} if captions is None else captions.words
    failures = [] if captions is None else list(captions.failures)
    at_fault = {normal_name(failure.file) for failure in failures} - set(words)

    def unreadable(error: OSError) -> None:
        name = Path(error.filename).relative_to(folder).as_posix()
        failures.append(Failure(f"{name}/", reason_of(error)))

    names = list(_names(folder, unreadable))
    picture_names = [name for name in names if PurePosixPath(name).suffix.lower() in SUFFIXES]
    known = {normal_name(name) for name in picture_names}
    failures += [Failure(name, _why_absent(folder, name)) for name in words if name not in known]

    no_picture = set(names) - set(picture_names)
    for name in picture_names:
        no_picture -= {sidecar.as_posix() for sidecar in sidecars_of(PurePosixPath(name))}
    skipped = sorted(
        name
        for name in no_picture
        if ignore is None or (folder / name).resolve() != ignore.resolve()
    )

    pictures: list[Picture] = []
    for name in picture_names:
        if normal_name(name) in at_fault:
            continue  # its row is at fault; without its words it would be another item
        try:
            sidecar = read_sidecars(folder / name)
        except (OSError, ValueError) as error:
            failures.append(Failure(name, reason_of(error)))
            continue
        row = words.get(normal_name(name), Words())
        pictures.append(Picture(name, folder / name, row.over(sidecar)))
    return Plan(pictures, failures, skipped)


def reason_of(error: OSError | ValueError) -> str:
    """Why a file failed, without its path, which stands beside it."""
    if isinstance(error, OSError):
        return f"can't be read: {error.strerror or error}"
    return str(error)


def _names(folder: Path, unreadable: Callable[[OSError], None]) -> Iterator[str]:
    for root, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        here = Path(root).relative_to(folder)
        yield from ((here / name).as_posix() for name in sorted(files) if not name.startswith("."))


def _why_absent(folder: Path, name: str) -> str:
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts:
        return f"named in the captions, but not a path inside {folder}"
    if (folder / name).is_file():
        return "named in the captions, but no picture by its suffix"
    return f"named in the captions, but not found in {folder}"
