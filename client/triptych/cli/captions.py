"""Captions, words and payload of pictures, from a CSV file or from files beside the pictures."""

import csv
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, TypeVar

from triptych.cli.columns import Keys, clash, keys_of, nested
from triptych.cli.output import CommandError

AnyPath = TypeVar("AnyPath", bound=PurePath)

_INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"[+-]?(((0|[1-9][0-9]*)(\.[0-9]*)?)|\.[0-9]+)([eE][+-]?[0-9]+)?")
_EXACT_BELOW = 2**53
_TAG_SEPARATORS = re.compile(r"[|;]")

OWN_COLUMNS = ("file", "caption", "ocr_text")
SIDECAR_KEYS = ("caption", "ocr_text", "payload")


@dataclass(frozen=True, slots=True)
class Words:
    """What is known of one picture besides itself."""

    caption: str = ""
    ocr_text: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)

    def over(self, other: "Words") -> "Words":
        """These words, and the other's where these are empty."""
        return Words(
            caption=self.caption or other.caption,
            ocr_text=self.ocr_text or other.ocr_text,
            payload={**other.payload, **self.payload},
        )


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that is not ingested, and why."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class CaptionFile:
    """A CSV file of captions: the words by the file's normal name, and its faulty rows."""

    words: Mapping[str, Words]
    failures: Sequence[Failure]


def normal_name(file: str) -> str:
    """A relative path with forward slashes, in the one form by which names are compared.

    File systems keep accents composed or not, and a CSV file from elsewhere may differ.
    """
    return unicodedata.normalize("NFC", str(PurePosixPath(file)))


def read_captions(path: Path, types: Mapping[str, str]) -> CaptionFile:
    """Reads a CSV file with a header: `file`, and any of `caption`, `ocr_text` and others.

    Every other column is payload, and its header the path of a field: the columns `location.lat`
    and `location.lon` make one field `location` that holds both; a key that itself holds a dot
    stands in double quotes. Its cells are of the type that `types` gives the field: `integer`,
    `float` or `bool`, or text for any other; without one they are numbers if all of them are, or
    booleans if all are `true` or `false`, or strings. Cells of a column `tags` are split at `|` and
    `;` into a list. An empty cell adds nothing. Of rows for one file the first one counts.

    Raises:
        CommandError: it is no such file.
        OSError: it can't be read.
    """
    try:
        # utf-8-sig: spreadsheet programs begin a CSV file with a byte order mark.
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip() for name in next(reader, [])]
            columns = _payload_columns(path, header)
            rows = [(reader.line_num, row) for row in reader if row]
    except UnicodeDecodeError as error:
        raise CommandError(f"{path}: is not UTF-8 at byte {error.start}") from None
    except csv.Error as error:
        raise CommandError(f"{path}: is no CSV file: {error}") from None

    declared = {keys: kind for text, kind in types.items() if (keys := _keys_or_none(text))}
    kinds = {
        column: declared.get(columns[column])
        or _kind(row[index] for _, row in rows if index < len(row))
        for index, column in enumerate(header)
        if column in columns
    }
    words: dict[str, Words] = {}
    lines: dict[str, int] = {}
    failures: list[Failure] = []
    for line, row in rows:
        cells = {name: cell.strip() for name, cell in zip(header, row, strict=False)}
        file_name = cells.get("file", "")
        name = normal_name(file_name)
        where = f"{path.name} line {line}"
        if not file_name:
            failures.append(Failure(where, "the row names no file"))
        elif len(row) > len(header):
            reason = f"{where}: {len(row)} cells under {len(header)} columns"
            failures.append(Failure(file_name, reason))
        elif name in lines:
            reason = f"{where}: a second row for this file, after line {lines[name]}; not used"
            failures.append(Failure(file_name, reason))
        else:
            lines[name] = line
            try:
                words[name] = _words(cells, columns, kinds)
            except ValueError as error:
                failures.append(Failure(file_name, f"{where}: {error}"))
    return CaptionFile(words, failures)


def read_sidecars(picture: Path) -> Words:
    """What stands in the files beside a picture: `cat.json` and `cat.txt` for `cat.png`.

    The JSON file holds any of `caption`, `ocr_text` and `payload`; the text file is the caption,
    if the JSON file has none.

    Raises:
        ValueError: one of them holds something else.
        OSError: one of them can't be read.
    """
    found = Words()
    for sidecar in sidecars_of(picture):
        if sidecar.is_file():
            text = _utf8(sidecar)
            words = (
                Words(caption=text.strip())
                if sidecar.suffix == ".txt"
                else _json_words(sidecar, text)
            )
            found = found.over(words)
    return found


def sidecars_of(picture: AnyPath) -> tuple[AnyPath, AnyPath]:
    """Where a picture's words may stand, the stronger one first."""
    return picture.with_suffix(".json"), picture.with_suffix(".txt")


def _payload_columns(path: Path, header: Sequence[str]) -> dict[str, Keys]:
    """The columns of the payload and the keys that each one names."""
    if "file" not in header:
        raise CommandError(
            f"{path}: the first line needs a column 'file' (got {', '.join(header)})"
        )
    if len(header) == 1:
        raise CommandError(
            f"{path}: has no column beside 'file' (allowed caption, ocr_text, any payload field)"
        )
    for index, name in enumerate(header):
        if not name:
            raise CommandError(f"{path}: column {index + 1} has no name")
        if name in header[:index]:
            raise CommandError(f"{path}: two columns are named {name!r}")
    # The picture's own path stands in the payload too, as `file`.
    columns: dict[str, Keys] = {"file": ("file",)}
    for name in header:
        if name not in OWN_COLUMNS:
            try:
                columns[name] = keys_of(name)
            except ValueError as error:
                raise CommandError(f"{path}: the column {name[:64]!r} {error}") from None
    if complaint := clash(columns):
        raise CommandError(f"{path}: {complaint}")
    del columns["file"]
    return columns


def _keys_or_none(text: str) -> Keys | None:
    try:
        return keys_of(text)
    except ValueError:
        return None  # no column can be of that name


def _words(
    cells: Mapping[str, str], columns: Mapping[str, Keys], kinds: Mapping[str, str]
) -> Words:
    values = [
        (columns[column], _typed(column, cells[column], kind))
        for column, kind in kinds.items()
        if cells.get(column)
    ]
    return Words(cells.get("caption", ""), cells.get("ocr_text", ""), nested(values))


def _kind(cells: Iterable[str]) -> str:
    """The narrowest type that every cell of a column has."""
    filled = [cell for cell in map(str.strip, cells) if cell]
    for kind, fits in (("integer", _is_integer), ("float", _is_number), ("bool", _is_bool)):
        if filled and all(map(fits, filled)):
            return kind
    return "keyword"


# A number with leading zeros is none: it may be a postal code. One that a double can't hold
# exactly is none either: it may be a serial number.
def _is_integer(cell: str) -> bool:
    return bool(_INTEGER.fullmatch(cell)) and len(cell) < 20 and abs(int(cell)) < _EXACT_BELOW


def _is_number(cell: str) -> bool:
    return _is_integer(cell) or (
        bool(_NUMBER.fullmatch(cell))
        and not _INTEGER.fullmatch(cell)
        and math.isfinite(float(cell))
    )


def _is_bool(cell: str) -> bool:
    return cell.lower() in ("true", "false")


def _typed(column: str, cell: str, kind: str) -> str | int | float | bool | list[str]:
    match kind:
        case "integer" if _INTEGER.fullmatch(cell) and len(cell) < 400:
            return int(cell)
        case "float" if _NUMBER.fullmatch(cell):
            return float(cell)
        case "bool" if _is_bool(cell):
            return cell.lower() == "true"
        case "integer" | "float" | "bool":
            raise ValueError(f"{column}: needs {kind} (got {cell[:64]})")
    if column == "tags":
        return [tag for tag in map(str.strip, _TAG_SEPARATORS.split(cell)) if tag]
    return cell


def _utf8(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name}: is not UTF-8 at byte {error.start}") from None


def _json_words(path: Path, text: str) -> Words:
    try:
        found = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path.name}: is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path.name}: needs an object with {', '.join(SIDECAR_KEYS)}")
    for key, value in found.items():
        if key not in SIDECAR_KEYS:
            raise ValueError(
                f"{path.name}: unknown key {key[:64]!r} (allowed {', '.join(SIDECAR_KEYS)})"
            )
        if not isinstance(value, dict if key == "payload" else str):
            needed = "an object" if key == "payload" else "a string"
            raise ValueError(f"{path.name}: {key} needs {needed}")
    return Words(
        found.get("caption", "").strip(),
        found.get("ocr_text", "").strip(),
        found.get("payload", {}),
    )
