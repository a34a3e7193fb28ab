"""Calls that are wrong before a field of theirs is looked at, and texts that only look wrong."""

from __future__ import annotations

import grpc

from tests.support.bad_input.build import IA, OK, RE, Raw, Row, by, search, upsert, where
from tests.support.bad_input.build import field as test_of
from triptych.v1.common_pb2 import Image
from triptych.v1.encode_service_pb2 import EncodeInput, EncodeRequest
from triptych.v1.filter_pb2 import NumberRange
from triptych.v1.item_pb2 import Item
from triptych.v1.search_service_pb2 import QueryInput
from triptych.v1.status_service_pb2 import GetStatusRequest

SEARCH = "/triptych.v1.SearchService/Search"
UPSERT = "/triptych.v1.ItemService/UpsertItems"
MALFORMED = "REQUEST_MALFORMED"
FILTERED = "filter.must[0].field"
LATE = grpc.StatusCode.DEADLINE_EXCEEDED


def framed(number: int, content: bytes) -> bytes:
    """A field of bytes, as protobuf writes it."""
    size, length = len(content), bytearray()
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return bytes([number << 3 | 2]) + length + content


def payload_of(levels: int) -> bytes:
    """An upsert of an item whose payload is so deep: more than a library writes."""
    struct = b""
    for _ in range(levels):
        value = framed(5, struct)  # Value.struct_value
        struct = framed(1, framed(1, b"a") + framed(2, value))  # Struct.fields
    item = framed(1, b"deep") + framed(3, b"a caption") + framed(5, struct)
    return framed(1, b"bad-input") + framed(2, item)


_ZEROS = EncodeRequest(inputs=[EncodeInput(image=Image(data=bytes(34 * 2**20)))])

ROWS: dict[str, Row] = {
    # No message of the method
    "torn bytes": Row(Raw(SEARCH, b"\xff\xff\xff"), IA, MALFORMED),
    "text that is not UTF-8": Row(Raw(SEARCH, b"\x0a\x02\xff\xfe"), IA, MALFORMED),
    "a lone surrogate": Row(Raw(SEARCH, framed(1, b"\xed\xa0\x80")), IA, MALFORMED),
    "bytes that end early": Row(Raw(SEARCH, b"\x12\x05abc"), IA, MALFORMED),
    "payload of 1,000 levels": Row(Raw(UPSERT, payload_of(1000)), IA, MALFORMED),
    "a method that is none": Row(
        Raw("/triptych.v1.SearchService/Guess", b""), grpc.StatusCode.UNIMPLEMENTED, ""
    ),
    # What gRPC itself refuses
    "message of 34 MB": Row(_ZEROS, RE, ""),
    "34 MB in a small message": Row(_ZEROS, RE, "", how={"compression": grpc.Compression.Gzip}),
    "metadata of 20 kB": Row(
        GetStatusRequest(), RE, "", how={"metadata": (("x-request-id", "x" * 20_000),)}
    ),
    "deadline of half a millisecond": Row(search(), LATE, "", how={"timeout": 0.0005}),
    "deadline that is over": Row(search(), LATE, "", how={"timeout": -1}),
    # Texts that are served, and said what was done
    "item: NUL in a caption": Row(
        upsert(Item(id="nul", caption="a\x00b\x1b[31m c")), OK, "TEXT_CLEANED", "items[0].caption"
    ),
    "NUL in a question": Row(
        search(input=QueryInput(text="a\x00cup")), OK, "TEXT_CLEANED", "input.text"
    ),
    **{
        f"item: {name} in a caption": Row(upsert(Item(id="text", caption=text)), OK, "")
        for name, text in (
            ("right to left", "קפה עם חלב، قهوة"),
            ("a family of emoji", "\U0001f468\u200d\U0001f469\u200d\U0001f467 at the sea"),
            ("letters and their accents apart", "cafe\u0301 cre\u0300me"),
        )
    },
    "text longer than the encoder reads": Row(
        EncodeRequest(inputs=[EncodeInput(text="word " * 500)]),
        OK,
        "TEXT_TRUNCATED",
        "inputs[0].text",
    ),
    # Filters that are served, slowly
    "filter by a field that nobody declared": Row(
        by("colour", exists=True), OK, "FILTER_FIELD_UNINDEXED", FILTERED
    ),
    "range of a text field": Row(
        by("note", number_range=NumberRange(gt=5)), OK, "FILTER_FIELD_UNINDEXED", FILTERED
    ),
    "a field nobody has": Row(
        search(filter=where(test_of('"no such".field', equals="x"))),
        OK,
        "FILTER_FIELD_UNINDEXED",
        FILTERED,
    ),
}
