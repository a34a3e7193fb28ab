"""Random messages of any type of the contract, from its descriptors: hypothesis strategies."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

MAX_DEPTH = 5
_NUMBERS = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 1e308, -1e308, 2.0**53, 5e-324]),
    st.floats(allow_nan=True, allow_infinity=True),
)
_FLOATS = st.one_of(st.sampled_from([0.0, 1.0, -1.0]), st.floats(width=32))
_INTEGERS = st.one_of(
    st.integers(-2, 20), st.sampled_from([2**31 - 1, -(2**31), 255, 256, 1000, 1001])
)
_WORDS = [
    "",
    " ",
    "a",
    "caption",
    "image",
    "ocr",
    "terms",
    "fuzz",
    "price",
    "a.b",
    '"a.b"',
    "vectors",
]


def _texts(known: list[str]) -> st.SearchStrategy[str]:
    surrogates: Any = ("Cs",)
    free = st.text(st.characters(exclude_categories=surrogates), max_size=20)
    return st.one_of(st.sampled_from([*_WORDS, *known]), free)


def _scalar(field: FieldDescriptor, known: list[str], files: list[bytes]) -> st.SearchStrategy[Any]:
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        assert field.enum_type is not None
        return st.one_of(st.sampled_from([v.number for v in field.enum_type.values]), _INTEGERS)
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return st.booleans()
    if kind == FieldDescriptor.CPPTYPE_STRING:
        if field.type == FieldDescriptor.TYPE_BYTES:
            return st.one_of(st.binary(max_size=40), st.sampled_from(files))
        return _texts(known)
    if kind == FieldDescriptor.CPPTYPE_DOUBLE:
        return _NUMBERS
    if kind == FieldDescriptor.CPPTYPE_FLOAT:
        return _FLOATS
    if kind in (FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_UINT64):
        return _INTEGERS.filter(lambda n: n >= 0)
    return _INTEGERS


@st.composite
def any_message(
    draw: st.DrawFn, descriptor: Descriptor, known: list[str], files: list[bytes], depth: int = 0
) -> Message:
    """A message of ``descriptor``; ``known`` texts and ``files`` turn up often."""
    message: Any = GetMessageClass(descriptor)()
    for field in descriptor.fields:
        # The deeper, the emptier: a filter may hold values that hold values.
        if draw(st.integers(0, 2 + depth)) > 1 or (field.containing_oneof and draw(st.booleans())):
            continue
        _fill(draw, message, field, known, files, depth)
    return message  # type: ignore[no-any-return]


def _fill(
    draw: st.DrawFn,
    message: Any,
    field: FieldDescriptor,
    known: list[str],
    files: list[bytes],
    depth: int,
) -> None:
    inner = field.message_type
    if inner is None:
        values = _scalar(field, known, files)
        if field.is_repeated:
            getattr(message, field.name).extend(draw(st.lists(values, max_size=4)))
        else:
            setattr(message, field.name, draw(values))
        return
    if depth >= MAX_DEPTH:
        return
    if inner.GetOptions().map_entry:
        keys = draw(st.lists(_texts(known), max_size=3, unique=True))
        value_type = inner.fields_by_name["value"].message_type
        assert value_type is not None, "the contract's one map holds messages"
        for key in keys:
            made = draw(any_message(value_type, known, files, depth + 1))
            getattr(message, field.name)[key].CopyFrom(made)
        return
    parts = any_message(inner, known, files, depth + 1)
    if field.is_repeated:
        getattr(message, field.name).extend(draw(st.lists(parts, max_size=3)))
    else:
        getattr(message, field.name).CopyFrom(draw(parts))
