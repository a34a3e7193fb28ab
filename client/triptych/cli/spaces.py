"""Collections as tables: what they are, their vector spaces and their payload fields."""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from triptych.cli.optimizing import optimization_text
from triptych.cli.output import fact_table, plain_table, printable, time_text
from triptych.v1.collection_pb2 import (
    Collection,
    PayloadField,
    StorageSettings,
    TextWindows,
    VectorSpace,
)

MAX_REVISION = 16


def render_list(collections: Sequence[Collection], console: Console) -> None:
    """Prints the collections, each with its vector spaces and payload fields."""
    if not collections:
        console.print("no collections yet: triptych collections create ID makes one")
        return
    table = plain_table("collection", "items", "language", "vectors", "fields")
    table.columns[1].justify = "right"
    for number, one in enumerate(collections, start=1):
        table.add_row(
            Text(printable(one.id)),
            f"{one.item_count:,}",
            one.language,
            _aligned([_space(space) for space in one.vector_spaces]),
            _aligned([(printable(f.name), _type(f)) for f in one.payload_fields]),
            end_section=number < len(collections) and len(one.vector_spaces) > 1,
        )
    console.print(table)


def render_collection(collection: Collection, console: Console) -> None:
    """Prints all that is known of a collection."""
    facts = fact_table()
    for name, value in _facts(collection):
        facts.add_row(Text(name), Text(value))
    console.print(facts)
    console.print()
    spaces = plain_table("vector", "of", "kind", "distance", "dimension", "windows", "made by")
    spaces.columns[4].justify = "right"
    for space in collection.vector_spaces:
        spaces.add_row(
            Text(printable(space.name)),
            Text(", ".join(_sources(space))),
            _kind(space),
            _distance(space),
            f"{space.dimension:,}" if space.HasField("dimension") else "–",
            _windows(space.windows),
            Text(_maker(space)),
        )
    console.print(spaces)
    if collection.payload_fields:
        fields = plain_table("field", "type")
        for one in collection.payload_fields:
            fields.add_row(Text(printable(one.name)), _type(one))
        console.print()
        console.print(fields)


def _facts(collection: Collection) -> Iterator[tuple[str, str]]:
    kept = Collection.ImageRetention.Name(collection.image_retention)
    policy = Collection.UnindexedFilterPolicy.Name(collection.unindexed_filter_policy)
    yield "collection", printable(collection.id)
    yield "items", f"{collection.item_count:,}"
    yield "language", collection.language
    yield "keeps of pictures", _word(kept, "IMAGE_RETENTION_")
    yield "unindexed filters", _word(policy, "UNINDEXED_FILTER_POLICY_")
    yield "created", time_text(collection.create_time)
    if collection.HasField("storage"):
        yield "storage", ", ".join(_storage(collection.storage))
    if collection.HasField("optimization"):
        yield "optimized", optimization_text(collection.optimization)


def _storage(storage: StorageSettings) -> Iterator[str]:
    for field, value in storage.ListFields():
        if field.name == "quantization":
            name = StorageSettings.Quantization.Name(storage.quantization)
            yield f"quantization {_word(name, 'QUANTIZATION_')}"
        elif field.name == "hnsw_config":
            yield from (f"{inner.name} {number}" for inner, number in value.ListFields())
        else:
            yield f"{field.name.replace('_', ' ')} {str(value).lower()}"


def _space(space: VectorSpace) -> tuple[str, ...]:
    """Name, kind, distance and what makes the vectors."""
    maker = space.encoder_id or space.stamp.model or "supplied"
    return printable(space.name), _kind(space), _distance(space), maker


def _maker(space: VectorSpace) -> str:
    """The encoder with its model, where that has another name, and its revision."""
    if not space.HasField("stamp"):
        return "whoever brings the item"
    names = dict.fromkeys(filter(None, (space.encoder_id, space.stamp.model)))
    return f"{' '.join(names)} {space.stamp.revision[:MAX_REVISION]}"


def _sources(space: VectorSpace) -> list[str]:
    return [_word(VectorSpace.Source.Name(source), "SOURCE_") for source in space.sources]


def _kind(space: VectorSpace) -> str:
    return _word(VectorSpace.Kind.Name(space.kind), "KIND_")


def _distance(space: VectorSpace) -> str:
    return _word(VectorSpace.Distance.Name(space.distance), "DISTANCE_")


def _windows(windows: TextWindows) -> str:
    """How a text is cut, where it is."""
    return f"{windows.max_windows} × {windows.tokens} tokens" if windows.tokens else "–"


def _type(field: PayloadField) -> str:
    return _word(PayloadField.Type.Name(field.type), "TYPE_")


def _word(name: str, prefix: str) -> str:
    """A value of an enum as a word: `IMAGE_RETENTION_NONE` → `none`."""
    return name.removeprefix(prefix).lower().replace("_", " ")


def _aligned(rows: Sequence[Sequence[str]]) -> Text:
    """Rows of words in one cell, a line each, in columns of their own."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    lines = [" ".join(map(set_cell_size, row, widths)).rstrip() for row in rows]
    return Text("\n".join(lines))
