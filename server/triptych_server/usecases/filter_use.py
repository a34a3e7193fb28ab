"""What a caller should know of a filter over a given collection."""

from __future__ import annotations

from triptych_server.domain.collections import Collection
from triptych_server.domain.filters import Filter
from triptych_server.domain.items import Notice, WarningCode
from triptych_server.domain.paths import format_path, parse_path


def filter_notices(collection: Collection, filter: Filter) -> tuple[Notice, ...]:
    """One warning for each payload field without an index that ``filter`` asks about."""
    indexed = {parse_path(field.name) for field in collection.payload_fields}
    return tuple(
        Notice(
            WarningCode.FILTER_FIELD_UNINDEXED,
            f"the field {format_path(path)} has no index: right, but slow on many items",
            "filter",
        )
        for path in filter.field_paths()
        if path not in indexed
    )
