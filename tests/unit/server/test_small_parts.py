"""Locks by key, coroutines side by side, and the layout of a point."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime

import numpy as np
import pytest

from triptych_server.domain.collections import FieldType, PayloadField, Stamp
from triptych_server.domain.errors import Exhausted, Reason
from triptych_server.domain.items import (
    Box,
    ImageInfo,
    ImageVariant,
    KeptImage,
    OcrReading,
    OcrState,
    OcrWord,
    Record,
)
from triptych_server.domain.layout import (
    RESERVED_KEY,
    from_payload,
    payload_hash,
    point_id,
    to_payload,
    vector_hash,
)
from triptych_server.domain.paths import parse_path
from triptych_server.domain.payload import check_payload, field_types
from triptych_server.domain.vectors import SparseVector, unit
from triptych_server.usecases.locks import KeyLocks
from triptych_server.usecases.together import together


async def test_one_holder_a_key_and_no_deadlock() -> None:
    locks = KeyLocks()
    inside: set[str] = set()

    async def work(keys: list[str]) -> None:
        async with locks.hold(keys):
            assert not inside & set(keys)
            inside.update(keys)
            await asyncio.sleep(0)
            inside.difference_update(keys)

    await together(work(keys) for keys in [["a", "b"], ["b", "a"], ["b", "c"], ["c", "a"]] * 20)
    assert locks.held == 0


async def test_a_cancelled_waiter_leaves_nothing_behind() -> None:
    locks = KeyLocks()
    async with locks.hold(["a"]):
        waiter = asyncio.create_task(_hold(locks, ["0", "a"]))
        await asyncio.sleep(0)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        async with asyncio.timeout(1):
            await _hold(locks, ["0"])
    assert locks.held == 0


async def _hold(locks: KeyLocks, keys: list[str]) -> None:
    async with locks.hold(keys):
        pass


async def test_the_first_failure_is_raised_as_itself_and_ends_the_rest() -> None:
    ended = []

    async def slow() -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            ended.append("slow")
            raise

    async def failing() -> None:
        await together([inner()])

    async def inner() -> None:
        raise Exhausted(Reason.QUEUE_FULL, "full")

    with pytest.raises(Exhausted):
        await together([slow(), failing()])
    assert ended == ["slow"]


def test_point_ids_are_those_of_the_published_layout() -> None:
    namespace = uuid.UUID("e16abe1f-1778-557e-a63f-7097f75a9e0c")
    assert point_id("cat-1") == str(uuid.uuid5(namespace, "\x00cat-1"))
    assert point_id("cat-1") == "f311a0d2-28e3-5a2a-8663-fafc56e7770f"
    assert point_id("cat-1", "tenant") != point_id("cat-1")


def test_a_record_comes_back_as_it_went() -> None:
    now = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)
    record = Record(
        item_id="a",
        tenant="",
        caption="a cup",
        ocr_text="HELLO",
        hashes={"caption": "x"},
        stamps={"image": Stamp("m", "1", "p"), "audio": None},
        image=ImageInfo(
            "PNG",
            3,
            4,
            5,
            "ab",
            6,
            (
                KeptImage(ImageVariant.ORIGINAL, "image/png", 3, 4, 5, "ab"),
                KeptImage(ImageVariant.THUMBNAIL, "image/webp", 3, 4, 7, "cd"),
            ),
        ),
        ocr=OcrReading(OcrState.READ, "HELLO", (OcrWord("HELLO", 0.9, Box(1, 2, 3, 4)),), "eng"),
        create_time=now,
        update_time=now,
    )
    stored = to_payload(record, {"n": 1})
    assert set(stored) == {"n", RESERVED_KEY}
    assert from_payload(stored) == (record, {"n": 1})


def test_a_picture_of_which_nothing_is_kept_says_nothing_of_it() -> None:
    """As the points of servers that kept no pictures yet."""
    now = datetime(2026, 11, 21, tzinfo=UTC)
    image = ImageInfo("PNG", 3, 4, 5, "ab", 6)
    record = Record("a", "", None, None, {}, {}, image, None, now, now)
    stored = to_payload(record, {})
    ours = stored[RESERVED_KEY]
    assert isinstance(ours, dict)
    assert isinstance(ours["image"], dict)
    assert "kept" not in ours["image"]
    assert from_payload(stored)[0] == record


@pytest.mark.parametrize("payload", [{}, {RESERVED_KEY: 1}, {RESERVED_KEY: {"v": 2}}])
def test_a_point_of_somebody_else_is_told(payload: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        from_payload(payload)  # type: ignore[arg-type]


def test_hashes_see_what_matters() -> None:
    assert payload_hash({"a": 1, "b": 2}) == payload_hash({"b": 2, "a": 1})
    assert payload_hash({"a": 1}) != payload_hash({"a": 2})
    one = SparseVector(np.array([1], np.uint32), np.array([1], np.float32))
    other = SparseVector(np.array([2], np.uint32), np.array([1], np.float32))
    assert vector_hash(one) != vector_hash(other)


def test_declared_types_hold_for_lists_and_nested_fields() -> None:
    fields = [PayloadField("a.b", FieldType.INTEGER), PayloadField("f", FieldType.FLOAT)]
    types = field_types(fields, parse_path)
    assert not check_payload({"a": {"b": [1, None, 2]}, "f": 2**60}, types, "p")
    found = check_payload({"a": {"b": [1, "x", True]}, "f": {"x": 1}}, types, "p")
    assert [v.field for v in found] == ["p.a.b[1]", "p.a.b[2]", "p.f"]
    # A path names no place inside lists of structs, so nothing is declared there.
    assert not check_payload({"a": [{"b": "text"}]}, types, "p")


def test_unit_length() -> None:
    rows = np.array([[3, 4], [0, 0]], np.float32)
    assert unit(rows).tolist() == [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
