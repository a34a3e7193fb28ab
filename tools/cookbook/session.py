"""Runs the blocks of the cookbook, one after the other, against one server."""

import contextlib
import io
import os
import sys
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from tools.cookbook.document import Block, Section
from tools.cookbook.grpcurl import ADDRESS, Call, by_grpcurl, calls_of, make, shell

ROOT = Path(__file__).resolve().parents[2]


class Session:
    """The names that Python blocks have made, the folder where all of it runs, and the server.

    A context manager: inside it the folder is the current one; after it the client is closed.
    """

    def __init__(self, address: str, folder: Path) -> None:
        self._address = address
        self._folder = folder
        self._names: dict[str, Any] = {}
        self._again: Block | None = None
        self._scratch = 0
        self._here = contextlib.chdir(folder)

    def __enter__(self) -> "Session":
        self._here.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._here.__exit__(None, None, None)
        if "client" in self._names:
            self._names["client"].close()

    def prepare(self, section: Section) -> None:
        """Makes the collections: the commands, then the Python, whose last block can be repeated.

        Raises:
            NotACall: a command fails.
        """
        for block in section.blocks:
            if block.language == "sh":
                environment = {
                    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                    "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}",
                    "TRIPTYCH_SERVER": self._address,
                }
                shell(block.text, self._folder, os.environ | environment)
            else:
                self._run(block, self._names)
                self._again = block

    def restore(self) -> None:
        """Writes again what a recipe may have removed."""
        if self._again is not None:
            self._run(self._again, self._names)

    def python(self, block: Block) -> tuple[str, object]:
        """Runs a recipe's Python, after ``restore``: what it prints, and what it calls ``answer``.

        It knows the names of the preparation, and none of other recipes.
        """
        self.restore()
        names = dict(self._names)
        return self._run(block, names), names["answer"]

    def _run(self, block: Block, names: dict[str, Any]) -> str:
        program = compile(block.text.replace(ADDRESS, self._address), "docs/queries.md", "exec")
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(program, names)  # noqa: S102 - our own document
        return printed.getvalue()

    def calls(self, block: Block) -> list[Call]:
        """What a shell block asks. Raises ``NotACall``."""
        self._scratch += 1
        scratch = self._folder / f".calls-{self._scratch}"
        return calls_of(block.text, self._folder, scratch)

    def make(self, calls: list[Call]) -> Message:
        """Makes the calls without grpcurl, after ``restore``; the last one's answer."""
        self.restore()
        return make(calls, self._address)

    def by_grpcurl(self, block: Block, calls: list[Call]) -> Message:
        """Runs the block with the real grpcurl, after ``restore``; the last call's answer."""
        self.restore()
        return by_grpcurl(block.text, calls, self._folder, self._address)
