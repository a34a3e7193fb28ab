"""What makes two upserts of one item the same, so that the second writes nothing."""

from __future__ import annotations

from triptych_server.domain import layout
from triptych_server.domain.collections import Collection
from triptych_server.domain.items import ItemInput, OcrReading, OcrState, Record
from triptych_server.usecases.panels import Reading

_OCR = "ocr"
_WENT_WRONG = (OcrState.FAILED, OcrState.TIMED_OUT)


def content_hashes(item: ItemInput, reading: Reading | None) -> dict[str, str]:
    """What the item is made of, as it came; two equal ones make the same vectors."""
    hashes = {"payload": layout.payload_hash(item.payload)}
    if item.image is not None:
        hashes["image"] = layout.content_hash(item.image)
    if item.caption is not None:
        hashes["caption"] = layout.content_hash(item.caption)
    if item.ocr_text is not None:
        hashes["ocr_text"] = layout.content_hash(item.ocr_text)
    if reading is not None:
        hashes[_OCR] = reading.language or ""
    for name, vector in item.vectors.items():
        hashes[f"vectors.{name}"] = layout.vector_hash(vector)
    return hashes


def after_reading(hashes: dict[str, str], reading: OcrReading | None) -> dict[str, str]:
    """``hashes`` as they are kept: a reading that went wrong is never what the next one expects."""
    if _OCR not in hashes or reading is None or reading.state not in _WENT_WRONG:
        return hashes
    return {**hashes, _OCR: f"{hashes[_OCR]} {reading.state.value}"}


def is_unchanged(
    collection: Collection, old: Record, hashes: dict[str, str], reading: Reading | None
) -> bool:
    """Whether what is kept came from just this content, by the encoders of today."""
    if reading is not None and reading.language is None and _OCR in old.hashes:
        # This server can't read; what another one, or this one once, has read stays true.
        hashes = {**hashes, _OCR: old.hashes[_OCR]}
    current = {s.name: s.stamp for s in collection.vector_spaces}
    return dict(old.hashes) == hashes and all(
        current.get(name) == stamp for name, stamp in old.stamps.items()
    )
