"""Which fields of the contract a table of bad input speaks of."""

from __future__ import annotations

import re
from typing import Any

from tests.support.bad_input.build import OK, Raw, Row

# A name, and after it the place in a list or the key in a map.
STEP = re.compile(r"([a-z_]+)(?:\[[^]]*\])?(?:\.|$)")

# What has no wrong value, is told at the message that holds it, or is output only.
NEVER_WRONG = {
    f"triptych.v1.{name}"
    for name in (
        "ContextSearchRequest.bypass_query_cache",
        "ContextSearchRequest.payload_keys",
        "DeleteItemsRequest.all",
        "DiscoverRequest.bypass_query_cache",
        "DiscoverRequest.payload_keys",
        "FieldCondition.exists",
        "FieldCondition.is_null",
        "GetItemRequest.payload_keys",
        "ListItemsRequest.payload_keys",
        "RecommendRequest.bypass_query_cache",
        "RecommendRequest.payload_keys",
        "SearchRequest.bypass_query_cache",
        "SearchRequest.payload_keys",
        "SparseVector.indices",
    )
}
OUTPUT_ONLY = {
    f"triptych.v1.{name}"
    for name in (
        "Item.image_info",
        "Item.ocr",
        "Item.create_time",
        "Item.update_time",
        "Item.point_id",
        "VectorSpace.stamp",
    )
}


def leaves(message: Any, seen: frozenset[str] = frozenset()) -> set[str]:
    """The full names of all fields in a message, and in the messages in it, that hold a value."""
    found: set[str] = set()
    for field in message.fields:
        inner = field.message_type
        if field.full_name in OUTPUT_ONLY or field.full_name in seen:
            continue
        if inner is not None and inner.GetOptions().map_entry:
            inner = inner.fields_by_name["value"].message_type
        if inner is None or inner.file.package != "triptych.v1":
            found.add(field.full_name)
        else:
            found |= leaves(inner, seen | found | {field.full_name})
    return found


def named_by(row: Row) -> set[str]:
    """The full names of the fields along the path that a row names."""
    if isinstance(row.request, Raw) or row.code == OK:
        return set()
    found: set[str] = set()
    message: Any = type(row.request).DESCRIPTOR
    for step in STEP.findall(row.field):
        field = message.fields_by_name.get(step) if message is not None else None
        if field is None:
            break  # a key of the caller's own
        found.add(field.full_name)
        message = field.message_type
        if message is not None and message.GetOptions().map_entry:
            message = message.fields_by_name["value"].message_type
    return found
