"""How an item lies in Qdrant: the point's id and its payload (see docs/point-layout.md).

The caller's payload stands at the top level; everything of ours under one reserved key.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from datetime import datetime

from triptych_server.domain.collections import Stamp
from triptych_server.domain.items import (
    Box,
    ImageInfo,
    ImageVariant,
    Json,
    KeptImage,
    OcrReading,
    OcrState,
    OcrWord,
    Payload,
    Record,
)
from triptych_server.domain.vectors import SparseVector, Vector

RESERVED_KEY = "_triptych"
LAYOUT_VERSION = 1
# UUIDv5 of the URL namespace and "https://github.com/triptych-search/triptych/point". Fixed for
# ever: another namespace would give every item another point.
NAMESPACE = uuid.UUID("e16abe1f-1778-557e-a63f-7097f75a9e0c")


def point_id(item_id: str, tenant: str = "") -> str:
    """The UUIDv5 of (tenant, 0x00, item id) in the one fixed namespace, as text."""
    return str(uuid.uuid5(NAMESPACE, f"{tenant}\x00{item_id}"))


def content_hash(content: bytes | str) -> str:
    """SHA-256 in lower-case hex; texts as UTF-8."""
    data = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(data).hexdigest()


def payload_hash(payload: Payload) -> str:
    """SHA-256 of the payload as canonical JSON, so that the order of keys does not matter."""
    text = json.dumps(payload, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return content_hash(text)


def vector_hash(vector: Vector) -> str:
    """SHA-256 over the float32 values, and over the indices of a sparse vector."""
    if isinstance(vector, SparseVector):
        return content_hash(vector.indices.tobytes() + vector.values.tobytes())
    return content_hash(vector.tobytes())


def to_payload(record: Record, payload: Payload) -> dict[str, Json]:
    """The point's payload: the caller's keys, and ours under the reserved one."""
    ours: dict[str, Json] = {
        "v": LAYOUT_VERSION,
        "id": record.item_id,
        "tenant": record.tenant,
        "hash": dict(record.hashes),
        "vectors": {name: _from_stamp(stamp) for name, stamp in record.stamps.items()},
        "create_time": record.create_time.isoformat(),
        "update_time": record.update_time.isoformat(),
    }
    if record.caption is not None:
        ours["caption"] = record.caption
    if record.ocr_text is not None:
        ours["ocr_text"] = record.ocr_text
    if record.image is not None:
        ours["image"] = _from_image(record.image)
    if record.ocr is not None:
        ours["ocr"] = _from_ocr(record.ocr)
    return {**payload, RESERVED_KEY: ours}


def from_payload(stored: Mapping[str, Json]) -> tuple[Record, dict[str, Json]]:
    """The record and the caller's payload. Raises ValueError where the point is not ours."""
    payload = {key: value for key, value in stored.items() if key != RESERVED_KEY}
    ours = stored.get(RESERVED_KEY)
    if not isinstance(ours, dict) or ours.get("v") != LAYOUT_VERSION:
        raise ValueError("the point has no record of this layout")
    vectors = _object(ours["vectors"])
    record = Record(
        item_id=str(ours["id"]),
        tenant=str(ours["tenant"]),
        caption=_text(ours.get("caption")),
        ocr_text=_text(ours.get("ocr_text")),
        hashes={key: str(value) for key, value in _object(ours["hash"]).items()},
        stamps={name: _to_stamp(stamp) for name, stamp in vectors.items()},
        image=_to_image(ours.get("image")),
        ocr=_to_ocr(ours.get("ocr"), _text(ours.get("ocr_text"))),
        create_time=datetime.fromisoformat(str(ours["create_time"])),
        update_time=datetime.fromisoformat(str(ours["update_time"])),
    )
    return record, payload


def _object(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise ValueError("the point's record is damaged")
    return value


def _number(value: Json) -> float:
    if not isinstance(value, int | float):
        raise ValueError("the point's record is damaged")
    return value


def _text(value: Json) -> str | None:
    return None if value is None else str(value)


def _from_stamp(stamp: Stamp | None) -> Json:
    if stamp is None:
        return {}
    return {
        "model": stamp.model,
        "revision": stamp.revision,
        "preprocessing": stamp.preprocessing,
    }


def _to_stamp(value: Json) -> Stamp | None:
    fields = _object(value)
    if not fields:
        return None
    return Stamp(str(fields["model"]), str(fields["revision"]), str(fields["preprocessing"]))


def _from_image(image: ImageInfo) -> Json:
    fields: dict[str, Json] = {
        "format": image.format,
        "width": image.width,
        "height": image.height,
        "byte_size": image.byte_size,
        "sha256": image.sha256,
        "orientation": image.orientation,
    }
    if image.kept:
        fields["kept"] = {
            kept.variant.value: {
                "media_type": kept.media_type,
                "width": kept.width,
                "height": kept.height,
                "byte_size": kept.byte_size,
                "sha256": kept.sha256,
            }
            for kept in image.kept
        }
    return fields


def _to_image(value: Json) -> ImageInfo | None:
    if value is None:
        return None
    fields = _object(value)
    # Points of servers that kept no pictures yet have none.
    kept = _object(fields.get("kept") or {})
    return ImageInfo(
        format=str(fields["format"]),
        width=int(_number(fields["width"])),
        height=int(_number(fields["height"])),
        byte_size=int(_number(fields["byte_size"])),
        sha256=str(fields["sha256"]),
        orientation=int(_number(fields["orientation"])),
        kept=tuple(
            _to_kept(variant, _object(kept[variant.value]))
            for variant in ImageVariant
            if variant.value in kept
        ),
    )


def _to_kept(variant: ImageVariant, fields: dict[str, Json]) -> KeptImage:
    return KeptImage(
        variant=variant,
        media_type=str(fields["media_type"]),
        width=int(_number(fields["width"])),
        height=int(_number(fields["height"])),
        byte_size=int(_number(fields["byte_size"])),
        sha256=str(fields["sha256"]),
    )


def _from_ocr(ocr: OcrReading) -> Json:
    words: list[Json] = [
        {
            "text": word.text,
            "confidence": word.confidence,
            "box": [word.box.left, word.box.top, word.box.width, word.box.height],
        }
        for word in ocr.words
    ]
    return {"state": ocr.state.value, "language": ocr.language, "words": words}


def _to_ocr(value: Json, text: str | None) -> OcrReading | None:
    if value is None:
        return None
    fields = _object(value)
    stored = fields["words"]
    words = tuple(_to_word(_object(word)) for word in stored) if isinstance(stored, list) else ()
    return OcrReading(
        state=OcrState(str(fields["state"])),
        text=text or "",
        words=words,
        language=str(fields["language"]),
    )


def _to_word(fields: dict[str, Json]) -> OcrWord:
    box = fields["box"]
    if not isinstance(box, list) or len(box) != 4:
        raise ValueError("the point's record is damaged")
    left, top, width, height = (int(_number(edge)) for edge in box)
    return OcrWord(
        str(fields["text"]), float(_number(fields["confidence"])), Box(left, top, width, height)
    )
