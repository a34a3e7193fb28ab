"""Filters: from the contract into the domain's tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from triptych.v1 import filter_pb2 as pb
from triptych_server.domain.errors import Reason
from triptych_server.domain.filter_origins import Origins
from triptych_server.domain.filter_text import filter_text
from triptych_server.domain.filters import (
    Condition,
    Elements,
    FieldCondition,
    FieldPath,
    Filter,
    Group,
    HasVector,
    PointIds,
)
from triptych_server.domain.layout import RESERVED_KEY, point_id
from triptych_server.domain.limits import Limits
from triptych_server.domain.paths import parse_path
from triptych_server.wire.expression_filters import expand
from triptych_server.wire.filter_size import fits, has_expressions
from triptych_server.wire.filter_tests import parse_test
from triptych_server.wire.texts import parse_item_id
from triptych_server.wire.violations import Violations


def parse_filter(
    message: pb.Filter, limits: Limits, violations: Violations, path: str = "filter"
) -> Filter:
    """The filter, or as much of it as is right, with a violation for the rest.

    Where an expression can't be read, what stands beside it is not looked into.
    """
    if not fits(message, limits, violations, path):
        return Filter()
    if not has_expressions(message):
        return _filter(message, _Place(limits, violations, path))
    before = len(violations)
    expanded, places = expand(message, limits, violations, path)
    if len(violations) > before or not fits(expanded, limits, violations, path):
        return Filter()
    found = Violations()
    filter = replace(_filter(expanded, _Place(limits, found, path)), origins=tuple(places.items()))
    origins = Origins(filter)
    for violation in found:
        violations.note(origins.tell(violation))
    return filter


def render_filter(filter: Filter) -> str:
    """The canonical expression; empty for none, and where no request may hold one so long."""
    text = filter_text(filter)
    return text if len(text.encode()) <= Limits().max_filter_expression_bytes else ""


def parse_field_name(
    name: str, violations: Violations, path: str, *, at_top: bool = True
) -> FieldPath | None:
    """The keys of a field's path; None, and a violation, where it is malformed or reserved.

    ``at_top`` says whether the path begins at the payload: only there is a key reserved.
    """
    try:
        keys = parse_path(name)
    except ValueError as problem:
        violations.add(path, Reason.FILTER_FIELD_INVALID, str(problem), got=name or "nothing")
        return None
    if at_top and keys[0] == RESERVED_KEY:
        violations.add(path, Reason.PAYLOAD_RESERVED_KEY, "is reserved", got=name)
        return None
    return keys


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the request a part of the filter stands, and whether it is inside ``elements``."""

    limits: Limits
    violations: Violations
    path: str
    in_elements: bool = False

    def at(self, step: str) -> _Place:
        return replace(self, path=f"{self.path}.{step}")

    def refuse(
        self, reason: Reason, what: str, *, got: object = None, allowed: object = None
    ) -> None:
        self.violations.add(self.path, reason, what, got=got, allowed=allowed)


def _filter(message: pb.Filter, place: _Place) -> Filter:
    count = message.min_should_count
    if not 0 <= count <= len(message.should):
        most = len(message.should)
        place.at("min_should_count").refuse(
            Reason.LIMIT_INVALID,
            "is out of range" if most else "there is nothing in should",
            got=count,
            allowed=f"1 to {most}" if most else None,
        )
    return Filter(
        must=_conditions(message.must, place, "must"),
        should=_conditions(message.should, place, "should"),
        must_not=_conditions(message.must_not, place, "must_not"),
        min_should_count=max(count, 1),
    )


def _conditions(
    messages: Sequence[pb.Condition], place: _Place, part: str
) -> tuple[Condition, ...]:
    parsed = (
        _condition(message, place.at(f"{part}[{number}]"))
        for number, message in enumerate(messages)
    )
    return tuple(condition for condition in parsed if condition is not None)


def _condition(message: pb.Condition, place: _Place) -> Condition | None:
    kind = message.WhichOneof("condition")
    if kind is None:
        place.refuse(
            Reason.FILTER_EMPTY_CONDITION, "set one of field, ids, has_vector, group, elements"
        )
        return None
    place = place.at(kind)
    if place.in_elements and kind in ("ids", "has_vector"):
        place.refuse(Reason.FIELD_INVALID, "asks about items, and can't stand inside elements")
        return None
    if kind == "field":
        return _field(message.field, place)
    if kind == "ids":
        return _ids(message.ids, place)
    if kind == "has_vector":
        if not message.has_vector:
            place.refuse(Reason.FIELD_REQUIRED, "names no vector space")
        return HasVector(message.has_vector)
    if kind == "group":
        return Group(_inner(message.group, place))
    return _elements(message.elements, place)


def _field(message: pb.FieldCondition, place: _Place) -> FieldCondition | None:
    keys = _name(message.name, place)
    test = parse_test(message, place.violations, place.path)
    return None if keys is None or test is None else FieldCondition(keys, test)


def _elements(message: pb.ElementsCondition, place: _Place) -> Elements | None:
    keys = _name(message.name, place)
    filter = _inner(message.filter, replace(place.at("filter"), in_elements=True))
    return None if keys is None else Elements(keys, filter)


def _name(name: str, place: _Place) -> FieldPath | None:
    return parse_field_name(
        name, place.violations, f"{place.path}.name", at_top=not place.in_elements
    )


def _inner(message: pb.Filter, place: _Place) -> Filter:
    """A filter inside the filter: an empty one would let through what nobody asked for."""
    if not (message.must or message.should or message.must_not):
        place.refuse(Reason.FILTER_EMPTY_CONDITION, "holds no condition")
    return _filter(message, place)


def _ids(message: pb.IdList, place: _Place) -> PointIds:
    if not message.values:
        place.at("values").refuse(Reason.FILTER_EMPTY_CONDITION, "holds no id")
    for number, item_id in enumerate(message.values):
        path = f"{place.path}.values[{number}]"
        parse_item_id(item_id, place.limits, place.violations, path)
    return PointIds(tuple(map(point_id, message.values)), tuple(message.values))
