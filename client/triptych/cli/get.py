"""`triptych get`: one item with all that is kept of it."""

import json as json_module
from collections.abc import Iterator
from mimetypes import guess_type
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triptych.cli.options import CollectionArgument, Json, connected, one_of, session_of, words
from triptych.cli.output import (
    CommandError,
    as_json,
    check_writable,
    fact_table,
    plain_table,
    printable,
    size_text,
    stdout,
    time_text,
)
from triptych.images import IMAGE_VARIANTS
from triptych.items import payload
from triptych.v1.item_pb2 import Item, KeptImage, Ocr
from triptych.v1.vector_pb2 import DenseVector, Vector

if TYPE_CHECKING:
    from rich.console import Console

SHOWN_VALUES = 4
USUAL = ("caption", "ocr_text", "payload", "image_info", "ocr", "create_time", "update_time")


@connected({"collection_id": "COLLECTION", "id": "ID", "item_id": "ID"})
def get(
    context: typer.Context,
    collection: CollectionArgument,
    item_id: Annotated[str, typer.Argument(metavar="ID", help="The item.", show_default=False)],
    vectors: Annotated[bool, typer.Option("--vectors", help="Show its vectors too.")] = False,
    image: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False, metavar="FILE", help="Save what is kept of its picture to this file."
        ),
    ] = None,
    variant: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(IMAGE_VARIANTS),
            help="Which picture --image saves; unless given, the original if it is kept, else the "
            "thumbnail.",
            parser=one_of(list(IMAGE_VARIANTS)),
            autocompletion=words(IMAGE_VARIANTS),
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Show an item, and save its picture.

    \b
    For example:
      triptych get pictures cups/mug.jpg
      triptych get pictures cups/mug.jpg --vectors --json
      triptych get pictures cups/mug.jpg --image mug.webp
    """
    if variant is not None and image is None:
        raise CommandError("--variant is which picture --image saves; give --image too")
    if image is not None:
        check_writable("--image", image)
    fields = (*USUAL, "vectors") if vectors else ()
    with session_of(context).client() as client:
        item = client.get_item(collection, item_id, return_fields=fields)
        saved = (
            None
            if image is None
            else client.save_item_image(collection, item_id, image, variant=variant)
        )
    if json:
        typer.echo(as_json(item))
    else:
        render_item(item, stdout())
    if saved is not None and image is not None:
        by_name, _ = guess_type(image.name, strict=False)
        other = (
            f", whatever its name says ({by_name})"
            if by_name not in (None, saved.media_type)
            else ""
        )
        typer.echo(f"picture: {image}, the {_kept(saved)}{other}", err=True)


def render_item(item: Item, console: "Console") -> None:
    """Prints an item: what it says, its payload, its picture, and its vectors where it has them."""
    from rich.text import Text

    facts = fact_table()
    facts.columns[0].no_wrap = True
    for name, value in _facts(item):
        facts.add_row(Text(name), Text(value))
    console.print(facts)
    if item.vectors:
        table = plain_table("vector", "kind", "size", "values")
        for name in sorted(item.vectors):
            table.add_row(Text(printable(name)), *map(Text, _vector(item.vectors[name])))
        console.print()
        console.print(table)


def _facts(item: Item) -> Iterator[tuple[str, str]]:
    yield "id", printable(item.id)
    if item.caption:
        yield "caption", printable(item.caption)
    if item.ocr_text:
        yield "written", "\n".join(map(printable, item.ocr_text.splitlines()))
    if item.HasField("ocr"):
        state = Ocr.State.Name(item.ocr.state).removeprefix("STATE_").lower().replace("_", " ")
        yield "ocr", f"{state}, {item.ocr.language}" if item.ocr.language else state
    found = payload(item)
    if found:
        yield "payload", ""
    for key, value in found.items():
        text = value if isinstance(value, str) else json_module.dumps(value, ensure_ascii=False)
        yield f"  {printable(key)}", printable(text)
    if item.HasField("image_info"):
        picture = item.image_info
        turned = f", turned (EXIF {picture.orientation})" if picture.orientation > 1 else ""
        yield (
            "picture",
            f"{picture.format} {picture.width}×{picture.height}, {size_text(picture.byte_size)}"
            f"{turned}, SHA-256 {picture.sha256}",
        )
        yield "kept of it", "; ".join(map(_kept, picture.kept)) or "nothing"
    yield "created", time_text(item.create_time)
    yield "updated", time_text(item.update_time)
    yield "point", item.point_id


def _kept(kept: KeptImage) -> str:
    name = KeptImage.Variant.Name(kept.variant).removeprefix("VARIANT_").lower()
    size = f"{kept.width}×{kept.height}, {size_text(kept.byte_size)}"
    return f"{name}, {kept.media_type} {size}"


def _vector(vector: Vector) -> tuple[str, str, str]:
    """The kind of a vector, its size, and its first values."""
    match vector.WhichOneof("kind"):
        case "sparse":
            sparse = vector.sparse
            pairs = [f"{i}: {v:.3g}" for i, v in zip(sparse.indices, sparse.values, strict=True)]
            return "sparse", f"{len(pairs)} entries", _clipped(pairs)
        case "multi":
            rows = vector.multi.vectors
            size = f"{len(rows)} × {len(rows[0].values)}"
            return "multi", size, "\n".join(map(_first, rows))
        case _:
            return "dense", str(len(vector.dense.values)), _first(vector.dense)


def _first(vector: DenseVector) -> str:
    return _clipped([f"{value:.3g}" for value in vector.values])


def _clipped(values: list[str]) -> str:
    return ", ".join(values[:SHOWN_VALUES]) + (", …" if len(values) > SHOWN_VALUES else "")
