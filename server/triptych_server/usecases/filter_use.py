"""What a filter means in a given collection: what is refused, and what a caller should know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from triptych_server.domain.collections import Collection, FieldType, UnindexedFilterPolicy
from triptych_server.domain.errors import (
    InvalidInput,
    Reason,
    Violation,
    WrongState,
    clip,
    violation,
)
from triptych_server.domain.filter_origins import Origins
from triptych_server.domain.filters import (
    AnyOf,
    Elements,
    Equals,
    FieldCondition,
    FieldPath,
    Filter,
    Group,
    HasVector,
    NoneOf,
    Scalar,
)
from triptych_server.domain.indexes import name_of, serves
from triptych_server.domain.items import Notice, WarningCode
from triptych_server.domain.paths import format_path, parse_path
from triptych_server.domain.payload import field_types, is_inexact, is_uuid

Types = Mapping[FieldPath, FieldType]


def check_filter(collection: Collection, filter: Filter) -> tuple[Notice, ...]:
    """What to warn of: one notice for each payload field that is asked what no index serves.

    Raises InvalidInput (NUMBER_NOT_EXACT for whole numbers of 2^53 or more, which no field but one
    declared FLOAT can hold; FILTER_TYPE for a string that a UUID field can't hold), WrongState
    (VECTOR_NAME_UNKNOWN; FILTER_FIELD_UNINDEXED where the collection refuses such filters).
    """
    types = field_types(collection.payload_fields, parse_path)
    origins = Origins(filter)
    uses = tuple(_uses(filter, "filter", types))
    problems = [problem for use in uses for problem in _problems(use)]
    if problems:
        raise InvalidInput([origins.tell(problem) for problem in problems])
    _check_vector_names(collection, filter, "filter", origins)
    slow: dict[str, _Use] = {}
    for use in uses:
        if use.unindexed:
            slow.setdefault(use.name, use)
    if not slow or collection.unindexed_filter_policy is UnindexedFilterPolicy.ALLOW:
        return ()
    if collection.unindexed_filter_policy is UnindexedFilterPolicy.REFUSE:
        raise _refused(collection, list(slow.values()), origins)
    return tuple(_notice(use, *origins.place(use.path)) for use in slow.values())


def _notice(use: _Use, field: str, place: str) -> Notice:
    message = f"{place}{use.unindexed}: right, but slow on many items"
    return Notice(WarningCode.FILTER_FIELD_UNINDEXED, message, field)


@dataclass(frozen=True, slots=True)
class _Use:
    """What a filter asks about one payload field.

    ``path`` is that of the condition in the request, ``name`` that of the field in the payload;
    ``declared`` is None for fields without a type, and ``unindexed`` says why no index helps.
    """

    path: str
    name: str
    condition: FieldCondition | Elements
    declared: FieldType | None
    unindexed: str


def _uses(filter: Filter, path: str, types: Types) -> Iterator[_Use]:
    """Every use of a payload field, at any depth."""
    for here, condition in filter.conditions(path):
        match condition:
            case FieldCondition(keys):
                name, declared = clip(format_path(keys)), types.get(keys)
                why = _why_unindexed(condition, name, declared)
                yield _Use(f"{here}.field", name, condition, declared, why)
            case Group(inner):
                yield from _uses(inner, f"{here}.group", types)
            case Elements(keys, inner):
                name = clip(format_path(keys))
                why = f"no index serves the elements of {name}"
                yield _Use(f"{here}.elements", name, condition, None, why)
                # A path names no place inside a list, so nothing in there is declared. One word
                # about the list is enough.
                for use in _uses(inner, f"{here}.elements.filter", {}):
                    yield _Use(use.path, name, use.condition, None, "")


def _why_unindexed(condition: FieldCondition, name: str, declared: FieldType | None) -> str:
    if declared is None:
        return f"{name} has no index"
    if serves(declared, condition.test):
        return ""
    return f"the index of {name}, which is declared {declared.name}, does not serve " + name_of(
        condition.test
    )


def _problems(use: _Use) -> Iterator[Violation]:
    """What is wrong with the values that the field is compared with."""
    for path, value in _values(use):
        if is_inexact(value) and use.declared is not FieldType.FLOAT:
            yield violation(
                path,
                Reason.NUMBER_NOT_EXACT,
                "may already have been rounded, and only a FLOAT field holds such numbers",
                got=f"{value:.0f}",
                allowed="below 2^53",
            )
        elif use.declared is FieldType.UUID and isinstance(value, str) and not is_uuid(value):
            yield violation(
                path, Reason.FILTER_TYPE, "needs a UUID in lower case with hyphens", got=value
            )


def _values(use: _Use) -> Iterator[tuple[str, Scalar]]:
    """Every value that the field is compared with, and its request path."""
    test = use.condition.test if isinstance(use.condition, FieldCondition) else None
    if isinstance(test, Equals):
        yield f"{use.path}.equals", test.value
    elif isinstance(test, AnyOf | NoneOf):
        for place, value in enumerate(test.values):
            yield f"{use.path}.{name_of(test)}.values[{place}]", value


def _check_vector_names(
    collection: Collection, filter: Filter, path: str, origins: Origins
) -> None:
    for here, condition in filter.conditions(path):
        if isinstance(condition, Group):
            _check_vector_names(collection, condition.filter, f"{here}.group", origins)
        elif isinstance(condition, HasVector) and collection.space(condition.vector_name) is None:
            known = ", ".join(space.name for space in collection.vector_spaces)
            field, place = origins.place(f"{here}.has_vector")
            raise WrongState(
                Reason.VECTOR_NAME_UNKNOWN,
                f"{field}: {place}no such vector space (got {clip(condition.vector_name)}, "
                f"allowed {known})",
                subject=f"collections/{collection.id}",
            )


def _refused(collection: Collection, slow: list[_Use], origins: Origins) -> WrongState:
    places = [origins.place(use.path) for use in slow[:3]]
    shown = "; ".join(
        f"{clip(field)}: {place}{use.unindexed}"
        for (field, place), use in zip(places, slow, strict=False)
    )
    more = f"; and {len(slow) - 3} more" if len(slow) > 3 else ""
    return WrongState(
        Reason.FILTER_FIELD_UNINDEXED,
        f"{shown}{more}. This collection refuses filters that no index serves: declare the field "
        "in payload_fields with a type that serves the test when the collection is made, or make "
        "it with another unindexed_filter_policy",
        subject=f"collections/{collection.id}",
    )
