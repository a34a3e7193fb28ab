"""Where the demo keeps its things, and how it writes paths and commands."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

COLLECTION = "demo"
ENCODER = "tiny-clip"


@dataclass(frozen=True, slots=True)
class Places:
    """The folder of the demo and what is in it."""

    root: Path

    @property
    def pictures(self) -> Path:
        """The drawn pictures with their captions."""
        return self.root / "pictures"

    @property
    def data(self) -> Path:
        """The embedded store."""
        return self.root / "data"

    @property
    def answers(self) -> Path:
        """The contact sheets, and the picture that is asked with."""
        return self.root / "answers"

    @property
    def log(self) -> Path:
        """What the server writes to standard error."""
        return self.root / "server.log"


def shown(path: Path) -> str:
    """``path`` as one would type it here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def command(arguments: Sequence[str], width: int = 96) -> str:
    """A ``triptych`` command line, as one would type it here.

    One longer than ``width`` is continued with backslashes, always before an option.
    """
    program = shown(Path(sys.executable).parent / "triptych")
    lines = [shlex.quote(program)]
    for argument in arguments:
        word = _quoted(argument)
        if argument.startswith("--"):
            lines.append(word)
        else:
            lines[-1] += f" {word}"
    folded = [lines[0]]
    for option in lines[1:]:
        if len(folded[-1]) + 1 + len(option) > width:
            folded.append(f"    {option}")
        else:
            folded[-1] += f" {option}"
    return " \\\n".join(folded)


def _quoted(word: str) -> str:
    """Double quotes where they do: they are easier to read beside words with apostrophes."""
    if shlex.quote(word) == word:
        return word
    return shlex.quote(word) if set(word) & set('"$`\\!') else f'"{word}"'
