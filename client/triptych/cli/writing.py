"""Sends pictures to the server, batch by batch, and keeps account of every one of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from triptych import error_of
from triptych.cli.folder import Picture, reason_of
from triptych.cli.output import stderr
from triptych.cli.progress import progress
from triptych.cli.report import Report
from triptych.client import DEFAULT_MAX_MESSAGE_BYTES, Client
from triptych.errors import DeadlineExceeded, ResourceExhausted, TriptychError
from triptych.v1.item_pb2 import Item

# Leaves room for the rest of an item in its message.
MAX_PICTURE_BYTES = DEFAULT_MAX_MESSAGE_BYTES - 1024 * 1024
# Leaves room for the rest of a request: a batch is one message, answered as a whole or not at all.
MAX_BATCH_BYTES = DEFAULT_MAX_MESSAGE_BYTES - 64 * 1024


@dataclass(frozen=True, slots=True)
class Options:
    """How the items are written."""

    collection: str
    ocr: str
    ocr_language: str
    batch: int


def write(
    client: Client, pictures: Sequence[Picture], options: Options, report: Report
) -> TriptychError | KeyboardInterrupt | None:
    """Writes the pictures and notes in `report` what became of each, with progress on stderr.

    Returns what ended it before all was done: an error that every further batch would meet too,
    or Ctrl-C. The pictures that are left then stand in `report.not_done`.
    """
    settled: set[str] = set()
    stopped_by: TriptychError | KeyboardInterrupt | None = None
    with progress(stderr(), len(pictures) + report.failed) as show:
        try:
            for batch in _batches(pictures, options.batch, report, settled):
                _write_batch(client, batch, options, report)
                settled.update(item.id for item in batch)
                show(report.settled())
        except (TriptychError, KeyboardInterrupt) as error:
            stopped_by = error
        else:
            show(report.settled())
    report.not_done += [picture.name for picture in pictures if picture.name not in settled]
    return stopped_by


def _batches(
    pictures: Sequence[Picture], size: int, report: Report, settled: set[str]
) -> Iterator[list[Item]]:
    """The pictures as items, at most `size` at a time and no more than a message holds."""
    batch: list[Item] = []
    bytes_of_batch = 0
    for picture in pictures:
        try:
            item = picture.item(max_bytes=MAX_PICTURE_BYTES)
        except (OSError, ValueError) as error:
            report.fail(picture.name, reason_of(error))
            settled.add(picture.name)
            continue
        bytes_of_item = item.ByteSize()
        if batch and bytes_of_batch + bytes_of_item > MAX_BATCH_BYTES:
            yield batch
            batch, bytes_of_batch = [], 0
        batch.append(item)
        bytes_of_batch += bytes_of_item
        if len(batch) == size:
            yield batch
            batch, bytes_of_batch = [], 0
    if batch:
        yield batch


def _write_batch(client: Client, items: Sequence[Item], options: Options, report: Report) -> None:
    try:
        outcomes = client.upsert(
            options.collection,
            items,
            ocr=options.ocr,
            ocr_language=options.ocr_language,
            batch_size=options.batch,
        )
    except DeadlineExceeded as error:
        # It may be these pictures only, so the next batch has its own try.
        for item in items:
            report.fail(item.id, f"{error.message}; it may be written all the same")
    except ResourceExhausted as error:
        for item in items:
            report.fail(item.id, error.message)
    else:
        for outcome in outcomes:
            refused = error_of(outcome)
            report.answer(outcome, None if refused is None else _of_item(refused, outcome.index))


def _of_item(error: TriptychError, index: int) -> str:
    """Why an item was refused, without its place in a request that the user never saw."""
    texts = [str(violation) for violation in error.violations] or [error.message]
    plain = [
        text.removeprefix(f"items[{index}].").removeprefix(f"items[{index}]: ") for text in texts
    ]
    return "; ".join(plain) + (f" [{error.reason}]" if error.reason else "")
