"""The cookbook as a document: prose and fenced blocks, in sections."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

QUERIES = Path(__file__).resolve().parents[2] / "docs" / "queries.md"
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^(#{2,3}) (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block, and where its text stands in the document."""

    language: str
    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the blocks under it."""

    title: str
    level: int
    blocks: tuple[Block, ...]

    def of(self, language: str) -> tuple[Block, ...]:
        """Its blocks of one language."""
        return tuple(block for block in self.blocks if block.language == language)

    def one(self, language: str) -> Block:
        """Its one block of that language; raises ``ValueError`` where there is not just one."""
        (block,) = self.of(language)
        return block


def sections(document: str) -> Iterator[Section]:
    """All sections, in order, a section inside another after it."""
    fences = list(_FENCE.finditer(document))
    heads = [
        head
        for head in _HEADING.finditer(document)
        if not any(fence.start() < head.start() < fence.end() for fence in fences)
    ]
    ends = [head.start() for head in heads[1:]] + [len(document)]
    for head, end in zip(heads, ends, strict=True):
        yield Section(
            head[2],
            len(head[1]),
            tuple(
                Block(fence[1], fence[2], fence.start(2))
                for fence in fences
                if head.start() < fence.start() < end
            ),
        )


def setup(document: str) -> Section:
    """The section that makes the collections: the first."""
    return next(sections(document))


def recipes(document: str) -> tuple[Section, ...]:
    """The sections that ask something: those of the third level."""
    return tuple(section for section in sections(document) if section.level == 3)


def replaced(document: str, texts: Sequence[tuple[Block, str]]) -> str:
    """The document with new texts in these blocks."""
    for block, text in sorted(texts, key=lambda pair: -pair[0].start):
        document = document[: block.start] + text + document[block.start + len(block.text) :]
    return document
