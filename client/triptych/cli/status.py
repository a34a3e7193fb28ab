"""`triptych status`: what the server is and holds."""

from typing import TYPE_CHECKING

import typer

from triptych.cli.options import connected, session_of
from triptych.cli.output import fact_table, plain_table, printable, stdout
from triptych.errors import Unavailable
from triptych.v1.collection_pb2 import Collection
from triptych.v1.status_service_pb2 import GetStatusResponse

if TYPE_CHECKING:
    from rich.console import Console


@connected()
def status(context: typer.Context) -> None:
    """Show what the server is and holds.

    That is its version, store, languages, limits and encoders, and every collection with its
    items, language and vectors.
    """
    session = session_of(context)
    console = stdout()
    with session.client() as client:
        render_status(session.server, client.status(), console)
        try:
            collections = list(client.list_collections())
        except Unavailable:
            # The status answers without the store; the collections do not.
            console.print("collections: the store can't answer now", style="red")
            raise
    render_collections(collections, console)


def render_status(server: str, found: GetStatusResponse, console: "Console") -> None:
    """Prints the status as a table, the encoders as one, and the limits in a few lines."""
    from rich.text import Text

    store = found.store
    facts = fact_table()
    facts.add_row("server", Text(f"{server}, version {found.version}"))
    ready = "ready" if store.ready else "NOT READY"
    facts.add_row("store", Text(f"{store.kind} {store.engine_version}, {ready}"))
    facts.add_row("keeps pictures in", Text(found.pictures.kind))
    reads = ", ".join(found.ocr_languages) + f" (by {found.ocr_engine})" * bool(found.ocr_engine)
    facts.add_row("reads pictures in", Text(reads or "(OCR is off)"))
    facts.add_row("text languages", Text(", ".join(found.languages)))
    facts.add_row("limits", Text(_limits(found)))
    console.print(facts)

    encoders = plain_table(
        "encoder", "model", "runs on", "dimension", "tokens", "pixels", "licence"
    )
    for one in found.encoders:
        encoders.add_row(
            Text(one.id),
            Text(f"{one.name} {one.revision[:12]}"),
            Text(f"{one.execution_provider.removesuffix('ExecutionProvider')} {one.precision}"),
            str(one.dimension),
            str(one.context_length),
            f"{one.image_width}×{one.image_height}",
            Text(one.licence),
        )
    console.print()
    console.print(encoders)
    console.print()


def render_collections(collections: list[Collection], console: "Console") -> None:
    """Prints the collections with their counts and vector spaces."""
    from rich.text import Text

    if not collections:
        console.print("no collections yet")
        return
    table = plain_table("collection", "items", "language", "vectors")
    table.columns[1].justify = "right"
    for one in collections:
        names = ", ".join(space.name for space in one.vector_spaces)
        table.add_row(Text(printable(one.id)), f"{one.item_count:,}", one.language, Text(names))
    console.print(table)


def _limits(found: GetStatusResponse) -> str:
    limits = found.limits
    mib = 1024 * 1024
    return (
        f"message {limits.max_message_bytes // mib} MiB, "
        f"picture {limits.max_image_bytes // mib} MiB and {limits.max_image_pixels / 1e6:g} MP, "
        f"{limits.max_items_per_upsert} items an upsert, {limits.max_limit} hits, "
        f"{limits.max_legs} legs, text {limits.max_text_bytes // 1024} KiB, "
        f"payload {limits.max_payload_bytes // 1024} KiB"
    )
