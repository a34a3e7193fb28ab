"""Where Tesseract's language data lies on this machine.

In the folder that TESSDATA_PREFIX names, if it does; else the program knows, and says so where it
lists its languages. Without it (the data alone can be installed, too) it is looked for where the
usual packages have it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

_SAID = re.compile(r'^List of available languages in "(.+)" \(\d+\):', re.MULTILINE)
_LIST_WAIT_S = 10.0
_SUFFIX = ".traineddata"
# Of Debian and Ubuntu (5 and 4.00), Fedora, Arch and Alpine, a build from source, Homebrew.
_USUAL = (
    "/usr/share/tesseract-ocr/5/tessdata",
    "/usr/share/tesseract-ocr/4.00/tessdata",
    "/usr/share/tesseract/tessdata",
    "/usr/share/tessdata",
    "/usr/local/share/tessdata",
    "/opt/homebrew/share/tessdata",
)


def find_tessdata() -> Path | None:
    """The folder of the language data; None where none is found."""
    return next((folder for folder in _places() if data_names(folder)), None)


def data_names(folder: Path) -> set[str]:
    """The names of the data files in ``folder``: languages, and what else lies there."""
    return {path.name.removesuffix(_SUFFIX) for path in folder.glob(f"*{_SUFFIX}")}


def _places() -> Iterator[Path]:
    prefix = os.environ.get("TESSDATA_PREFIX")
    if prefix:
        yield Path(prefix)
        yield Path(prefix) / "tessdata"
        # As with the program, who names a folder means that and no other.
        return
    program = shutil.which("tesseract")
    said = _said_by(program) if program else None
    if said:
        yield Path(said)
    yield from map(Path, _USUAL)


def _said_by(program: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - the program that reads pictures elsewhere
            [program, "--list-langs"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LIST_WAIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    # Version 4 writes its list to stderr.
    found = _SAID.search((done.stdout + done.stderr).decode(errors="replace"))
    return found[1] if found else None
