"""A collection's description as JSON and back.

The embedded store keeps it as the text of ``collection.json``, a Qdrant server as the metadata of
the collection.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
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
    UnindexedFilterPolicy,
    VectorSpace,
    Windows,
)
from triptych_server.domain.items import Json
from triptych_server.domain.storage import Quantization, StorageSettings

FORMAT = 1


def dump_collection(collection: Collection) -> str:
    """JSON text of ``collection``, stable and indented for people."""
    return json.dumps(collection_tree(collection), indent=2, ensure_ascii=False) + "\n"


def collection_tree(collection: Collection) -> dict[str, Json]:
    """``collection`` as a JSON object."""
    return {
        "format": FORMAT,
        "id": collection.id,
        "create_time": collection.create_time.isoformat(),
        "default_encoder_id": collection.default_encoder_id,
        "language": collection.language,
        "vector_spaces": [_dump_space(space) for space in collection.vector_spaces],
        "payload_fields": [
            {"name": field.name, "type": field.type.value} for field in collection.payload_fields
        ],
        "storage": _dump_storage(collection.storage),
        "unindexed_filter_policy": collection.unindexed_filter_policy.value,
        "image_retention": collection.image_retention.value,
    }


def load_collection(text: str) -> Collection:
    """The collection of ``dump_collection``.

    Raises ValueError where the text is not such a description or of a newer format.
    """
    return load_tree(json.loads(text))


def load_tree(tree: Any) -> Collection:
    """The collection of ``collection_tree``. Raises ValueError as ``load_collection``."""
    try:
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
            storage=_load_storage(tree.get("storage") or {}),
            # Collections of the first server have none: they were answered with a warning.
            unindexed_filter_policy=UnindexedFilterPolicy(
                tree.get("unindexed_filter_policy", UnindexedFilterPolicy.WARN.value)
            ),
            # Collections of servers that kept no pictures yet say nothing of it.
            image_retention=ImageRetention(tree.get("image_retention", ImageRetention.NONE.value)),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a collection: {error!r}") from error


def _dump_space(space: VectorSpace) -> dict[str, Json]:
    windows, stamp = space.windows, space.stamp
    return {
        "name": space.name,
        "kind": space.kind.value,
        "sources": [source.value for source in space.sources],
        "distance": space.distance.value,
        "dimension": space.dimension,
        "encoder_id": space.encoder_id,
        "windows": {
            "tokens": windows.tokens,
            "overlap": windows.overlap,
            "max_windows": windows.max_windows,
        }
        if windows
        else None,
        "stamp": {
            "model": stamp.model,
            "revision": stamp.revision,
            "preprocessing": stamp.preprocessing,
        }
        if stamp
        else None,
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


def _dump_storage(storage: StorageSettings) -> dict[str, Json]:
    """What was asked for, and nothing else."""
    asked: dict[str, Json] = {}
    for field in fields(storage):
        value = getattr(storage, field.name)
        if value is not None:
            asked[field.name] = value.value if isinstance(value, Quantization) else value
    return asked


def _load_storage(tree: Mapping[str, Any]) -> StorageSettings:
    quantization = tree.get("quantization")
    known = {**tree, "quantization": Quantization(quantization) if quantization else None}
    return StorageSettings(**known)
