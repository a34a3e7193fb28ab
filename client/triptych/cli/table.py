"""The answer of a search as a table that shows its working."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from triptych._example_formulas import RankedResponse
from triptych.cli.details import details_of, figure, legend_of
from triptych.cli.footer import print_footer
from triptych.cli.output import plain_table, printable
from triptych.v1.search_service_pb2 import Leg, SearchHit, SearchResponse, VectorScore

NO_VECTOR = "–"
NO_TERM = "no term"
NO_RANK = "#–"
TOO_LOW = "#<"

MAX_CAPTION = 60
_GAP = 2
# With less room for a caption, or for id and caption below each other, the next layout is tried.
_LEAST_CAPTION = 28
_LEAST_ITEM = 16


@dataclass(frozen=True, slots=True)
class _Cell:
    """What one leg says of one hit: three figures or four, or one word; and lines below them."""

    similarity: str
    rank: str = ""
    normalized: str = ""
    contribution: str = ""
    adds: bool = False
    details: tuple[str, ...] = ()


def render_search(response: RankedResponse, console: Console, *, asked: Sequence[str] = ()) -> None:
    """Prints the hits with score and, for every leg, similarity, rank and contribution.

    A fusion by normalised similarities shows these too; several parts in one question their shares
    of each similarity; examples and pairs how near a hit is to each. Below come the legs with their
    weights, thresholds and what they were normalised with, the fusion, the timings and the
    warnings. The table is as wide as `console` allows: with each hit in one line, or in two, or,
    where many legs do not fit beside each other, with a line for each leg. Scores are never cut.

    Args:
        response: the answer of a search, by examples or not.
        console: where to.
        asked: names of the parts or examples, in the order of `Leg.parts` or `Leg.examples`.
    """
    in_ascii = console.options.ascii_only
    labels = leg_labels(response.legs)
    normalized = any(leg.WhichOneof("normalization_bounds") for leg in response.legs)
    rows = [
        [_cell(score, normalized=normalized, in_ascii=in_ascii) for score in hit.vector_scores]
        for hit in response.hits
    ]
    table = _table(response.hits, labels, rows, console) if response.hits else None
    if table is not None:
        console.print(table)
    elif response.hits:
        _print_blocks(response.hits, labels, rows, console)
    else:
        console.print("no hits")
    print_footer(response, labels, _legend(response, rows, in_ascii=in_ascii), console, asked)


def leg_labels(legs: Sequence[Leg]) -> list[str]:
    """A name for each leg: its vector's, with a number where several legs ask the same vector."""
    names = [leg.vector_name for leg in legs]
    return [
        f"{name} {names[: index + 1].count(name)}" if names.count(name) > 1 else name
        for index, name in enumerate(names)
    ]


def _cell(score: VectorScore, *, normalized: bool, in_ascii: bool) -> _Cell:
    if score.state == VectorScore.STATE_NO_SHARED_TERM:
        return _Cell(NO_TERM)
    below = score.state == VectorScore.STATE_BELOW_THRESHOLD
    if score.state != VectorScore.STATE_SCORED and not below:
        return _Cell(NO_VECTOR)
    no_rank = TOO_LOW if below else NO_RANK
    return _Cell(
        similarity=figure(score.similarity),
        rank=f"#{score.rank}" if score.HasField("rank") else no_rank,
        normalized=f"n{score.normalized_score:.3f}"
        if normalized and score.HasField("normalized_score")
        else "",
        contribution=f"{score.contribution:+.3f}",
        adds=score.contribution > 0,
        details=tuple(details_of(score, ascii_only=in_ascii)),
    )


def _table(
    hits: Sequence[SearchHit],
    labels: Sequence[str],
    rows: Sequence[Sequence[_Cell]],
    console: Console,
) -> Table | None:
    """The hits as a table, or None where the console is too narrow for one."""
    ranks = [str(hit.rank) for hit in hits]
    scores = [f"{hit.score:.4f}" for hit in hits]
    fixed = max(map(len, ranks)) + max(len("score"), *map(len, scores)) + 2 * _GAP
    cells = [[row[index] for row in rows] for index in range(len(labels))]
    longest_id = max(_widest(Text(printable(hit.item.id))) for hit in hits)
    longest_caption = max(_widest(Text(printable(hit.item.caption))) for hit in hits)
    beside = longest_id + _GAP + min(longest_caption, _LEAST_CAPTION)
    for stacked, room in ((False, beside), (True, _LEAST_ITEM)):
        columns = [_column(column, stacked=stacked) for column in cells]
        widths = [
            max(len(label), *(_widest(text) for text in column))
            for label, column in zip(labels, columns, strict=True)
        ]
        free = console.width - fixed - sum(widths) - _GAP * len(labels)
        if free >= room:
            break
    else:
        return None

    table = plain_table()
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    items = _items_below(hits, free) if stacked else _items_beside(hits, free - _GAP)
    for title, column in items.items():
        table.add_column(title, overflow="fold", width=max(len(title), *map(_widest, column)))
    for label, width in zip(labels, widths, strict=True):
        table.add_column(label, no_wrap=True, width=width)
    for index, rank in enumerate(ranks):
        table.add_row(
            rank,
            Text(scores[index], style="bold"),
            *(column[index] for column in items.values()),
            *(column[index] for column in columns),
        )
    return table


def _items_beside(hits: Sequence[SearchHit], width: int) -> dict[str, list[Text]]:
    """Ids and captions, each in one line and in a column of its own."""
    ids = [Text(printable(hit.item.id), style="cyan") for hit in hits]
    captions = [printable(hit.item.caption) for hit in hits]
    columns = {"id": ids}
    if any(captions):
        rest = min(width - max(map(_widest, ids)), MAX_CAPTION)
        columns["caption"] = [Text(_clipped(caption, rest)) for caption in captions]
    return columns


def _items_below(hits: Sequence[SearchHit], width: int) -> dict[str, list[Text]]:
    """Ids with the captions below them, where they share a column."""
    column = _folded([Text(printable(hit.item.id), style="cyan") for hit in hits], width)
    for text, hit in zip(column, hits, strict=True):
        caption = _clipped(printable(hit.item.caption), min(width, MAX_CAPTION))
        if caption:
            text.append(f"\n{caption}", style="default")
    return {"id, caption": column}


def _folded(texts: Sequence[Text], width: int) -> list[Text]:
    console = Console(width=width)
    return [Text("\n").join(text.wrap(console, width, overflow="fold")) for text in texts]


def _column(cells: Sequence[_Cell], *, stacked: bool) -> list[Text]:
    """A leg's cells, its figures side by side, or what they add below them."""
    figures = [cell for cell in cells if cell.rank]
    similarity = max((len(cell.similarity) for cell in figures), default=0)
    rank = max((len(cell.rank) for cell in figures), default=0)
    normalized = max((len(cell.normalized) for cell in figures), default=0)
    texts = []
    for cell in cells:
        if not cell.rank:
            texts.append(Text(cell.similarity, style="dim"))
            continue
        head = f"{cell.similarity:>{similarity}} {cell.rank:<{rank}}"
        text = Text(head + ("\n" if stacked else " "))
        if normalized:
            text.append(f"{cell.normalized:<{normalized}} ")
        text.append(cell.contribution, style="green" if cell.adds else "dim")
        for line in cell.details:
            text.append(f"\n{line}", style="dim")
        texts.append(text)
    return texts


def _print_blocks(
    hits: Sequence[SearchHit],
    labels: Sequence[str],
    rows: Sequence[Sequence[_Cell]],
    console: Console,
) -> None:
    width = max(map(len, labels))
    normalized = max(
        (len(cell.normalized) + 1 for row in rows for cell in row if cell.normalized), default=0
    )
    for hit, row in zip(hits, rows, strict=True):
        line = Text(f"{hit.rank}  ")
        line.append(f"{hit.score:.4f}", style="bold")
        line.append(f"  {printable(hit.item.id)}", style="cyan")
        line.append(f"  {_clipped(printable(hit.item.caption), MAX_CAPTION)}")
        console.print(line)
        for label, cell in zip(labels, row, strict=True):
            figures = f"{cell.similarity:<7} {cell.rank:<5} {cell.normalized:<{normalized}}"
            line = Text(f"   {label:<{width}}  {figures}{cell.contribution}".rstrip())
            console.print(line)
            for told in _folded([Text(" · ".join(cell.details))], max(1, console.width - 5)):
                for part in told.split("\n") if cell.details else ():
                    console.print(Text("     ") + part)


def _widest(text: Text) -> int:
    return max(line.cell_len for line in text.split("\n"))


def _clipped(text: str, width: int) -> str:
    clipped = Text(text)
    clipped.truncate(width, overflow="ellipsis")
    return clipped.plain


def _legend(
    response: RankedResponse, rows: Sequence[Sequence[_Cell]], *, in_ascii: bool
) -> list[str]:
    """What the figures and signs of the table mean, of those that are in it."""
    cells = [cell for row in rows for cell in row]
    legend = [
        meaning
        for meaning, shown in (
            (f"{NO_VECTOR} has no such vector", any(c.similarity == NO_VECTOR for c in cells)),
            (f"{NO_TERM}: shares none with the query", any(c.similarity == NO_TERM for c in cells)),
            (f"{NO_RANK} not among the leg's candidates", any(c.rank == NO_RANK for c in cells)),
            (f"{TOO_LOW} below the leg's threshold", any(c.rank == TOO_LOW for c in cells)),
        )
        if shown
    ]
    if cells:
        normalized = "n normalised, " if any(c.normalized for c in cells) else ""
        by_examples = not isinstance(response, SearchResponse)
        measure = "score by its examples" if by_examples else "similarity"
        legend.insert(0, f"each vector: {measure}, #rank, {normalized}+contribution")
        scores = [score for hit in response.hits for score in hit.vector_scores]
        legend[1:1] = legend_of(scores, ascii_only=in_ascii)
    return legend
