"""A collection's description as JSON text and back: the content of ``collection.json``."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from triptych_server.domain.collections import (
    Collection,
    Distance,
    FieldType,
    ImageRetention,
    PayloadField,
    Source,
    SpaceKind,
    Stamp,
    VectorSpace,
    Windows,
)

FORMAT = 1


def dump_collection(collection: Collection) -> str:
    """JSON text of ``collection``, stable and indented for people."""
    tree = {
        "format": FORMAT,
        "id": collection.id,
        "create_time": collection.create_time.isoformat(),
        "default_encoder_id": collection.default_encoder_id,
        "language": collection.language,
        "vector_spaces": [_dump_space(space) for space in collection.vector_spaces],
        "payload_fields": [
            {"name": field.name, "type": field.type.value} for field in collection.payload_fields
        ],
        "image_retention": collection.image_retention.value,
    }
    return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"


def load_collection(text: str) -> Collection:
    """The collection of ``dump_collection``.

    Raises ValueError where the text is not such a description or of a newer format.
    """
    try:
        tree: dict[str, Any] = json.loads(text)
        if tree["format"] != FORMAT:
            raise ValueError(f"format {tree['format']!r}, known is {FORMAT}")
        return Collection(
            id=tree["id"],
            vector_spaces=tuple(_load_space(space) for space in tree["vector_spaces"]),
            payload_fields=tuple(
                PayloadField(name=field["name"], type=FieldType(field["type"]))
                for field in tree["payload_fields"]
            ),
            default_encoder_id=tree["default_encoder_id"],
            language=tree["language"],
            create_time=datetime.fromisoformat(tree["create_time"]),
            # Collections of servers that kept no pictures yet say nothing of it.
            image_retention=ImageRetention(tree.get("image_retention", ImageRetention.NONE.value)),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a collection: {error!r}") from error


def _dump_space(space: VectorSpace) -> dict[str, object]:
    windows, stamp = space.windows, space.stamp
    return {
        "name": space.name,
        "kind": space.kind.value,
        "sources": [source.value for source in space.sources],
        "distance": space.distance.value,
        "dimension": space.dimension,
        "encoder_id": space.encoder_id,
        "windows": windows
        and {
            "tokens": windows.tokens,
            "overlap": windows.overlap,
            "max_windows": windows.max_windows,
        },
        "stamp": stamp
        and {
            "model": stamp.model,
            "revision": stamp.revision,
            "preprocessing": stamp.preprocessing,
        },
    }


def _load_space(tree: dict[str, Any]) -> VectorSpace:
    return VectorSpace(
        name=tree["name"],
        kind=SpaceKind(tree["kind"]),
        sources=tuple(Source(source) for source in tree["sources"]),
        distance=Distance(tree["distance"]),
        dimension=tree["dimension"],
        encoder_id=tree["encoder_id"],
        windows=Windows(**tree["windows"]) if tree["windows"] else None,
        stamp=Stamp(**tree["stamp"]) if tree["stamp"] else None,
    )
