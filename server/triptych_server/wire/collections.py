"""CollectionService: requests into use cases' types, collections into messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from triptych.v1 import collection_pb2 as pb
from triptych.v1 import collection_service_pb2 as service
from triptych_server.domain.collections import (
    Distance,
    FieldType,
    ImageRetention,
    PayloadField,
    Source,
    SpaceKind,
    UnindexedFilterPolicy,
    VectorSpace,
)
from triptych_server.domain.errors import Reason
from triptych_server.domain.limits import Limits
from triptych_server.domain.optimization import Optimization, OptimizationState
from triptych_server.domain.paths import format_path
from triptych_server.usecases.collections import (
    CountedCollection,
    CreateCollection,
    SpaceRequest,
    WindowsRequest,
)
from triptych_server.wire.common import render_stamp, render_time
from triptych_server.wire.filters import parse_field_name
from triptych_server.wire.pages import parse_page_size, parse_token
from triptych_server.wire.storage import parse_storage, render_storage
from triptych_server.wire.texts import parse_collection_id, parse_vector_name
from triptych_server.wire.violations import Violations

_SOURCES = {
    pb.VectorSpace.SOURCE_IMAGE: Source.IMAGE,
    pb.VectorSpace.SOURCE_CAPTION: Source.CAPTION,
    pb.VectorSpace.SOURCE_OCR_TEXT: Source.OCR_TEXT,
    pb.VectorSpace.SOURCE_SUPPLIED: Source.SUPPLIED,
}
_KINDS = {
    pb.VectorSpace.KIND_DENSE: SpaceKind.DENSE,
    pb.VectorSpace.KIND_MULTI: SpaceKind.MULTI,
    pb.VectorSpace.KIND_SPARSE: SpaceKind.SPARSE,
}
_DISTANCES = {
    pb.VectorSpace.DISTANCE_COSINE: Distance.COSINE,
    pb.VectorSpace.DISTANCE_DOT: Distance.DOT,
}
_TYPES = {
    pb.PayloadField.TYPE_KEYWORD: FieldType.KEYWORD,
    pb.PayloadField.TYPE_INTEGER: FieldType.INTEGER,
    pb.PayloadField.TYPE_FLOAT: FieldType.FLOAT,
    pb.PayloadField.TYPE_BOOL: FieldType.BOOL,
    pb.PayloadField.TYPE_TEXT: FieldType.TEXT,
    pb.PayloadField.TYPE_DATETIME: FieldType.DATETIME,
    pb.PayloadField.TYPE_GEO: FieldType.GEO,
    pb.PayloadField.TYPE_UUID: FieldType.UUID,
}
_POLICIES = {
    pb.Collection.UNINDEXED_FILTER_POLICY_ALLOW: UnindexedFilterPolicy.ALLOW,
    pb.Collection.UNINDEXED_FILTER_POLICY_WARN: UnindexedFilterPolicy.WARN,
    pb.Collection.UNINDEXED_FILTER_POLICY_REFUSE: UnindexedFilterPolicy.REFUSE,
}
_RETENTIONS = {
    pb.Collection.IMAGE_RETENTION_ORIGINAL: ImageRetention.ORIGINAL,
    pb.Collection.IMAGE_RETENTION_THUMBNAIL: ImageRetention.THUMBNAIL,
    pb.Collection.IMAGE_RETENTION_NONE: ImageRetention.NONE,
}
_STATES = {
    pb.Optimization.STATE_WAITING: OptimizationState.WAITING,
    pb.Optimization.STATE_RUNNING: OptimizationState.RUNNING,
    pb.Optimization.STATE_DONE: OptimizationState.DONE,
    pb.Optimization.STATE_FAILED: OptimizationState.FAILED,
}
_Wire = TypeVar("_Wire")
_Domain = TypeVar("_Domain")
_TEXTS = frozenset({Source.CAPTION, Source.OCR_TEXT})


def parse_create(message: service.CreateCollectionRequest, limits: Limits) -> CreateCollection:
    """Raises InvalidInput with everything that is wrong in form."""
    violations = Violations()
    collection_id = parse_collection_id(message.collection_id, violations)
    spaces = _parse_spaces(message.vector_spaces, limits, violations)
    fields = _parse_fields(message.payload_fields, limits, violations)
    storage = parse_storage(message.storage, violations)
    policy = _POLICIES.get(message.unindexed_filter_policy, UnindexedFilterPolicy.WARN)
    if message.unindexed_filter_policy and message.unindexed_filter_policy not in _POLICIES:
        violations.add(
            "unindexed_filter_policy",
            Reason.FIELD_INVALID,
            "is not known",
            got=message.unindexed_filter_policy,
            allowed=", ".join(policy.name for policy in UnindexedFilterPolicy),
        )
    retention = _parse_retention(message.image_retention, violations)
    violations.raise_if_any()
    return CreateCollection(
        collection_id,
        spaces,
        fields,
        message.default_encoder_id,
        message.language,
        storage,
        policy,
        image_retention=retention,
    )


def parse_named(collection_id: str) -> str:
    """A collection's name, for requests that hold nothing else. Raises InvalidInput."""
    violations = Violations()
    name = parse_collection_id(collection_id, violations)
    violations.raise_if_any()
    return name


def parse_list(message: service.ListCollectionsRequest, limits: Limits) -> tuple[int, str | None]:
    """The page's size and the id that it comes after. Raises InvalidInput."""
    violations = Violations()
    size = parse_page_size(message.page_size, limits, violations)
    after = parse_token(message.page_token, violations, "collections")
    violations.raise_if_any()
    return size, after


def render_collection(counted: CountedCollection) -> pb.Collection:
    """The collection with every default filled in."""
    collection = counted.collection
    return pb.Collection(
        id=collection.id,
        vector_spaces=[_render_space(space) for space in collection.vector_spaces],
        payload_fields=[
            pb.PayloadField(name=f.name, type=_back(_TYPES, f.type))
            for f in collection.payload_fields
        ],
        default_encoder_id=collection.default_encoder_id,
        language=collection.language,
        item_count=counted.item_count,
        create_time=render_time(collection.create_time),
        storage=render_storage(collection.storage),
        unindexed_filter_policy=_back(_POLICIES, collection.unindexed_filter_policy),
        image_retention=_back(_RETENTIONS, collection.image_retention),
        optimization=_optional(counted.optimization),
    )


def render_optimization(optimization: Optimization) -> pb.Optimization:
    """How far it is."""
    ended = optimization.end_time
    return pb.Optimization(
        state=_back(_STATES, optimization.state),
        start_time=render_time(optimization.start_time),
        end_time=None if ended is None else render_time(ended),
        message=optimization.message,
        item_count=optimization.item_count,
        indexed_vector_count=optimization.indexed_vector_count,
    )


def _optional(optimization: Optimization | None) -> pb.Optimization | None:
    return None if optimization is None else render_optimization(optimization)


def _parse_retention(
    value: pb.Collection.ImageRetention.ValueType, violations: Violations
) -> ImageRetention:
    if value and value not in _RETENTIONS:
        violations.add(
            "image_retention",
            Reason.FIELD_INVALID,
            "is not known",
            got=value,
            allowed=", ".join(retention.name for retention in ImageRetention),
        )
    return _RETENTIONS.get(value, ImageRetention.THUMBNAIL)


def _parse_spaces(
    messages: Sequence[pb.VectorSpace], limits: Limits, violations: Violations
) -> tuple[SpaceRequest, ...]:
    if len(messages) > limits.max_vector_spaces:
        violations.add(
            "vector_spaces",
            Reason.LIMIT_TOO_LARGE,
            "too many",
            got=len(messages),
            allowed=limits.max_vector_spaces,
        )
        return ()
    places: dict[str, int] = {}
    spaces = []
    for place, message in enumerate(messages):
        path = f"vector_spaces[{place}]"
        name = parse_vector_name(message.name, violations, f"{path}.name")
        if name in places:
            what = f"the same name as vector_spaces[{places[name]}]"
            violations.add(f"{path}.name", Reason.VECTOR_NAME_DUPLICATE, what, got=name)
        places.setdefault(name, place)
        spaces.append(_parse_space(message, name, limits, violations, path))
    return tuple(spaces)


def _parse_space(
    message: pb.VectorSpace, name: str, limits: Limits, violations: Violations, path: str
) -> SpaceRequest:
    def refuse(field: str, what: str, got: object = None, allowed: object = None) -> None:
        violations.add(
            f"{path}.{field}", Reason.VECTOR_SPACE_INVALID, what, got=got, allowed=allowed
        )

    sources = tuple(dict.fromkeys(_SOURCES[s] for s in message.sources if s in _SOURCES))
    is_text = bool(sources) and set(sources) <= _TEXTS
    if not sources or any(s not in _SOURCES for s in message.sources):
        refuse("sources", "needs one of IMAGE, CAPTION, OCR_TEXT, SUPPLIED")
    elif len(sources) > 1 and not is_text:
        refuse("sources", "only CAPTION and OCR_TEXT can make one space together")
    kind = _KINDS.get(message.kind, SpaceKind.MULTI if is_text else SpaceKind.DENSE)
    if message.kind and message.kind not in _KINDS:
        refuse("kind", "is not known", message.kind)
    is_sparse = kind is SpaceKind.SPARSE
    distance = _DISTANCES.get(message.distance, Distance.DOT if is_sparse else Distance.COSINE)
    if message.distance and message.distance not in _DISTANCES:
        refuse("distance", "is not known", message.distance)
    if is_sparse and distance is not Distance.DOT:
        refuse("distance", "of a sparse space can only be DOT", distance.name)
    is_supplied = Source.SUPPLIED in sources
    if is_sparse and Source.IMAGE in sources:
        refuse("kind", "a sparse space can't be made from pictures", "SPARSE")
    if (is_sparse or is_supplied) and message.encoder_id:
        refuse("encoder_id", "a sparse or supplied space has no encoder", message.encoder_id)
    dimension = message.dimension if message.HasField("dimension") else None
    if is_sparse and dimension is not None:
        refuse("dimension", "a sparse space has none", dimension)
    elif is_supplied and not is_sparse and dimension is None:
        refuse("dimension", "a supplied space needs one")
    elif dimension is not None and not 1 <= dimension <= limits.max_dimension:
        refuse("dimension", "is out of range", dimension, f"1 to {limits.max_dimension}")
    windows = WindowsRequest()
    if message.HasField("windows"):
        if kind is not SpaceKind.MULTI or not is_text:
            refuse("windows", "only a multi space of text has windows")
        windows = _parse_windows(message.windows, limits, violations, f"{path}.windows")
    return SpaceRequest(name, kind, sources, distance, message.encoder_id, dimension, windows)


def _parse_windows(
    message: pb.TextWindows, limits: Limits, violations: Violations, path: str
) -> WindowsRequest:
    most = limits.max_vectors_per_multivector
    ranges = {"tokens": (1, 65_536), "overlap": (0, 65_535), "max_windows": (1, most)}
    found: dict[str, int] = {}
    for name, (low, high) in ranges.items():
        if not message.HasField(name):  # type: ignore[arg-type]  # the names above are its fields
            continue
        value: int = getattr(message, name)
        if not low <= value <= high:
            violations.add(
                f"{path}.{name}",
                Reason.VECTOR_SPACE_INVALID,
                "is out of range",
                got=value,
                allowed=f"{low} to {high}",
            )
        found[name] = value
    return WindowsRequest(**found)


def _parse_fields(
    messages: Sequence[pb.PayloadField], limits: Limits, violations: Violations
) -> tuple[PayloadField, ...]:
    if len(messages) > limits.max_payload_fields:
        violations.add(
            "payload_fields",
            Reason.LIMIT_TOO_LARGE,
            "too many",
            got=len(messages),
            allowed=limits.max_payload_fields,
        )
        return ()
    fields: dict[str, PayloadField] = {}
    for place, message in enumerate(messages):
        path = f"payload_fields[{place}]"
        keys = parse_field_name(message.name, violations, f"{path}.name")
        declared = _TYPES.get(message.type)
        if declared is None:
            names = ", ".join(t.name for t in _TYPES.values())
            violations.add(
                f"{path}.type", Reason.FIELD_INVALID, "is not set or not known", allowed=names
            )
        if keys is None or declared is None:
            continue
        name = format_path(keys)
        if name in fields:
            violations.add(f"{path}.name", Reason.FIELD_INVALID, "stands twice", got=name)
        fields[name] = PayloadField(name, declared)
    return tuple(fields.values())


def _render_space(space: VectorSpace) -> pb.VectorSpace:
    message = pb.VectorSpace(
        name=space.name,
        sources=[_back(_SOURCES, source) for source in space.sources],
        kind=_back(_KINDS, space.kind),
        encoder_id=space.encoder_id or "",
        dimension=space.dimension,
        distance=_back(_DISTANCES, space.distance),
        stamp=render_stamp(space.stamp),
    )
    if space.windows is not None:
        message.windows.tokens = space.windows.tokens
        message.windows.overlap = space.windows.overlap
        message.windows.max_windows = space.windows.max_windows
    return message


def _back(table: dict[_Wire, _Domain], value: _Domain) -> _Wire:
    return next(wire for wire, domain in table.items() if domain is value)
