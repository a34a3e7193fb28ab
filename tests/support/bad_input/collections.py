"""Bad collections, field by field."""

from __future__ import annotations

from tests.support.bad_input.build import CAPTION, FP, IA, IMAGE, SUPPLIED, Row, create, space
from triptych.v1.collection_pb2 import HnswConfig, PayloadField, StorageSettings, VectorSpace

SPACE = "VECTOR_SPACE_INVALID"
KEYWORD = PayloadField.TYPE_KEYWORD
SPARSE = VectorSpace.KIND_SPARSE


def stored(**settings: int) -> StorageSettings:
    """Settings of storage; ``m`` and ``ef_construct`` go to the graph."""
    graph = {name: settings.pop(name) for name in ("m", "ef_construct") if name in settings}
    made = StorageSettings(**settings)  # type: ignore[arg-type]
    if graph:
        made.hnsw_config.CopyFrom(HnswConfig(**graph))
    return made


_SPACES = {
    "no name": ("name", space(name="", sources=[IMAGE])),
    "a name with a space": ("name", space(name="how it looks", sources=[IMAGE])),
    "a name of 64 letters": ("name", space(name="x" * 64, sources=[IMAGE])),
    "a kind of the future": ("kind", space(sources=[IMAGE], kind=99)),
    "a distance of the future": ("distance", space(sources=[IMAGE], distance=99)),
    "an encoder of what is supplied": (
        "encoder_id",
        space(sources=[SUPPLIED], dimension=3, encoder_id="tiny-clip"),
    ),
    "an encoder of terms": (
        "encoder_id",
        space(sources=[CAPTION], kind=SPARSE, encoder_id="tiny-clip"),
    ),
    "a dimension of terms": ("dimension", space(sources=[CAPTION], kind=SPARSE, dimension=3)),
    "a dimension of 0": ("dimension", space(sources=[SUPPLIED], dimension=0)),
    "a dimension below 0": ("dimension", space(sources=[SUPPLIED], dimension=-1)),
    "windows of a picture": ("windows", space(sources=[IMAGE], windows={"tokens": 5})),
    "windows of no tokens": ("windows.tokens", space(sources=[CAPTION], windows={"tokens": 0})),
    "an overlap below 0": ("windows.overlap", space(sources=[CAPTION], windows={"overlap": -1})),
    "257 windows": ("windows.max_windows", space(sources=[CAPTION], windows={"max_windows": 257})),
}
_STORAGE = {
    "no shards": ("shard_number", stored(shard_number=0)),
    "1,025 shards": ("shard_number", stored(shard_number=1025)),
    "no replicas": ("replication_factor", stored(replication_factor=0)),
    "65 replicas": ("replication_factor", stored(replication_factor=65)),
    "more copies written than there are": (
        "write_consistency_factor",
        stored(replication_factor=2, write_consistency_factor=3),
    ),
    "no copy written": ("write_consistency_factor", stored(write_consistency_factor=0)),
    "edges below 0": ("hnsw_config.m", stored(m=-1)),
    "513 edges": ("hnsw_config.m", stored(m=513)),
    "3 neighbours": ("hnsw_config.ef_construct", stored(ef_construct=3)),
    "4,097 neighbours": ("hnsw_config.ef_construct", stored(ef_construct=4097)),
    "quantization of the future": ("quantization", stored(quantization=9)),
}
# Right in themselves, and nothing that the embedded engine has.
_UNSUPPORTED = {
    "shard_number": stored(shard_number=2),
    "replication_factor": stored(replication_factor=1),
    "write_consistency_factor": stored(write_consistency_factor=1),
    "hnsw_config.m": stored(m=16),
    "hnsw_config.ef_construct": stored(ef_construct=100),
    "on_disk": stored(on_disk=True),
    "on_disk_payload": stored(on_disk_payload=False),
    "quantization": stored(quantization=StorageSettings.QUANTIZATION_BINARY),
}
_FIELDS = {
    "no name": ("", "FILTER_FIELD_INVALID"),
    "an unclosed quote": ('"a', "FILTER_FIELD_INVALID"),
    "a step missing": ("a..b", "FILTER_FIELD_INVALID"),
    "a control character": ("a\nb", "FILTER_FIELD_INVALID"),
    "a list's place": ("a[0]", "FILTER_FIELD_INVALID"),
}

ROWS: dict[str, Row] = {
    **{
        f"collection named {name!r}": Row(
            create(collection_id=name), IA, "COLLECTION_ID_INVALID", "collection_id"
        )
        for name in ("Pictures", "-a", "_a", "a.b", "a b", "a\x00", "a/b")
    },
    **{
        f"space with {name}": Row(request, IA, SPACE, f"vector_spaces[0].{path}")
        for name, (path, request) in _SPACES.items()
    },
    **{
        f"storage with {name}": Row(create(storage=storage), IA, "FIELD_INVALID", f"storage.{path}")
        for name, (path, storage) in _STORAGE.items()
    },
    **{
        f"embedded storage with {path}": Row(
            create(storage=storage), FP, "STORAGE_UNSUPPORTED", f"storage.{path}"
        )
        for path, storage in _UNSUPPORTED.items()
    },
    **{
        f"payload field with {name}": Row(
            create(payload_fields=[PayloadField(name=field, type=KEYWORD)]),
            IA,
            reason,
            "payload_fields[0].name",
        )
        for name, (field, reason) in _FIELDS.items()
    },
    "payload field twice": Row(
        create(payload_fields=[PayloadField(name=n, type=KEYWORD) for n in ("a.b", "c", '"a".b')]),
        IA,
        "FIELD_INVALID",
        "payload_fields[2].name",
    ),
    "65 payload fields": Row(
        create(payload_fields=[PayloadField(name=f"f{n}", type=KEYWORD) for n in range(65)]),
        IA,
        "LIMIT_TOO_LARGE",
        "payload_fields",
    ),
    **{
        f"language {language!r}": Row(
            create(language=language), IA, "LANGUAGE_UNSUPPORTED", "language"
        )
        for language in ("EN", "english", "e\x00", "x" * 5000)
    },
    "encoder named at length": Row(
        create(default_encoder_id="x" * 5000), FP, "ENCODER_UNKNOWN", "default_encoder_id"
    ),
}
