"""The tests of fields in ``Filter.expression``, written out as ``FieldCondition``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import time
from typing import TYPE_CHECKING

from google.protobuf.struct_pb2 import Value

from triptych.v1 import filter_pb2 as pb
from triptych_server.domain.errors import Reason
from triptych_server.wire.expression_grammar import (
    ExpressionError,
    character_of,
    token_of,
    tree_of,
)
from triptych_server.wire.expression_literals import (
    count_of,
    metres_of,
    moment_of,
    number_of,
    text_of,
)

if TYPE_CHECKING:
    from lark import Token, Tree

    Children = Sequence[Token | Tree[Token]]
    # Told the path of what is written, and the token that it came from.
    Note = Callable[[str, Token], None]

_LOWER = {"<": "gt", "<=": "gte"}
_BOUNDS = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


def write_test(tree: Tree[Token], into: pb.FieldCondition, path: str, note: Note) -> None:
    """A test of a field or of a count, into the condition at ``path``.

    Raises ExpressionError for a literal that is none, and for bounds of two kinds.
    """
    kind, children = str(tree.data), tree.children
    subject = tree_of(children[2 if kind == "chained" else 0])
    is_count = subject.data == "count"
    into.name = write_name(subject.children[0] if is_count else subject, f"{path}.name", note)
    match kind:
        case "equality" | "bounded" | "between" | "chained" if is_count:
            _counts(_bounds(kind, children), into.value_count, f"{path}.value_count", note)
        case "equality" if token_of(children[2]).type != "TIME":
            _value(token_of(children[2]), into.equals, f"{path}.equals", note)
        case "equality" | "bounded" | "between" | "chained":
            _range(_bounds(kind, children), into, path, note)
        case "listed":
            name = "any_of" if children[1] is None else "none_of"
            values = getattr(into, name).values
            for number, token in enumerate(map(token_of, children[2:])):
                _value(token, values.add(), f"{path}.{name}.values[{number}]", note)
        case "exists":
            into.exists = children[1] is None
        case "is_null":
            into.is_null = children[1] is None
        case "words":
            word = token_of(children[2])
            name = "text_match" if token_of(children[1]).type == "MATCHES" else "phrase"
            setattr(into, name, text_of(word))
            note(f"{path}.{name}", word)
        case "near":
            circle = f"{path}.geo_radius"
            _point(children[1:3], into.geo_radius.center, f"{circle}.center", note)
            into.geo_radius.radius_m = metres_of(token_of(children[3]))
            note(f"{circle}.radius_m", token_of(children[3]))
        case _:
            assert kind == "box", kind
            corners, box = into.geo_box, f"{path}.geo_box"
            _point(children[1:3], corners.south_west, f"{box}.south_west", note)
            _point(children[3:5], corners.north_east, f"{box}.north_east", note)


def write_name(field: Token | Tree[Token], path: str, note: Note) -> str:
    """A field's path as ``FieldCondition.name`` has it; whether it is one is checked there."""
    name = token_of(tree_of(field).children[0])
    note(path, name)
    return str(name)


def _bounds(kind: str, children: Children) -> list[tuple[str, Token]]:
    """The bounds' names in the contract, and their tokens."""
    if kind == "chained":
        low, above, _, below, high = children
        return [(_LOWER[str(above)], token_of(low)), (_BOUNDS[str(below)], token_of(high))]
    if kind == "bounded":
        return [(_BOUNDS[str(children[1])], token_of(children[2]))]
    low, high = children[1 if kind == "between" else 2], children[2]
    return [("gte", token_of(low)), ("lte", token_of(high))]


def _range(
    bounds: Sequence[tuple[str, Token]], into: pb.FieldCondition, path: str, note: Note
) -> None:
    is_time = bounds[0][1].type == "TIME"
    kind = "time_range" if is_time else "number_range"
    for name, token in bounds:
        if (token.type == "TIME") != is_time:
            what = "a range needs two numbers or two times"
            raise ExpressionError(Reason.FILTER_TYPE, character_of(token), what, got=token)
        note(f"{path}.{kind}.{name}", token)
        if is_time:
            # A date is the whole of its day.
            of_day = time.min if name in ("gte", "lt") else time.max
            getattr(into.time_range, name).CopyFrom(moment_of(token, of_day=of_day))
        else:
            setattr(into.number_range, name, number_of(token))


def _counts(
    bounds: Sequence[tuple[str, Token]], into: pb.CountRange, path: str, note: Note
) -> None:
    for name, token in bounds:
        note(f"{path}.{name}", token)
        setattr(into, name, count_of(token))


def _value(token: Token, into: Value, path: str, note: Note) -> None:
    note(path, token)
    if token.type in ("TRUE", "FALSE"):
        into.bool_value = token.type == "TRUE"
    elif token.type == "NUMBER":
        into.number_value = number_of(token)
    else:
        into.string_value = text_of(token)


def _point(children: Children, into: pb.GeoPoint, path: str, note: Note) -> None:
    lat, lon = map(token_of, children)
    note(f"{path}.lat", lat)
    note(f"{path}.lon", lon)
    into.lat, into.lon = number_of(lat), number_of(lon)
