"""The searches of a batch: what they may be together, and that others have their turn."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from triptych.v1 import filter_pb2
from triptych.v1 import search_service_pb2 as pb
from triptych_server.domain.errors import InvalidInput, Reason
from triptych_server.domain.limits import Limits
from triptych_server.wire.batch import ParsedSearch, parse_batch

LIMITS = Limits()


def batch(*filters: filter_pb2.Filter) -> pb.BatchSearchRequest:
    searches = [
        pb.SearchRequest(collection_id="c", input=pb.QueryInput(text="a"), filter=filter)
        for filter in filters
    ]
    return pb.BatchSearchRequest(searches=searches)


def expression(text: str) -> filter_pb2.Filter:
    return filter_pb2.Filter(expression=text)


async def refused(message: pb.BatchSearchRequest, limits: Limits = LIMITS) -> str:
    with pytest.raises(InvalidInput) as error:
        await parse_batch(message, limits)
    [found] = error.value.violations
    assert (found.field, found.reason) == ("searches", Reason.LIMIT_TOO_LARGE)
    return found.message


async def test_the_filters_of_a_batch_are_no_larger_than_one_may_be() -> None:
    values = ", ".join(map(str, range(1000)))
    one = expression(f"n IN ({values}) OR ANY parts WITH (m NOT IN ({values}))")
    # Three conditions, one of them inside, and two thousand values.
    assert len(await parse_batch(batch(one, one), LIMITS)) == 2
    message = await refused(batch(one, one, one))
    assert "got 6009, allowed 4096" in message


async def test_ids_cost_nothing() -> None:
    ids = filter_pb2.IdList(values=[f"item-{n}" for n in range(4000)])
    one = filter_pb2.Filter(must_not=[filter_pb2.Condition(ids=ids)])
    assert len(await parse_batch(batch(*[one] * 64), LIMITS)) == 64


async def test_the_expressions_of_a_batch_are_no_longer_than_one_may_be() -> None:
    """Those as well that can't be read: each would be, up to its end."""
    limits = replace(LIMITS, max_filter_expression_bytes=20)
    group = filter_pb2.Condition(group=expression("n = 1 AND"))
    nested = filter_pb2.Filter(must=[group])
    assert len(await parse_batch(batch(nested, nested), limits)) == 2
    assert "got 27, allowed 20" in await refused(batch(nested, nested, nested), limits)


async def test_a_filter_that_is_too_large_alone_is_an_error_of_its_own() -> None:
    large, small = expression("n = 1 OR " * 8000 + "n = 1"), expression("n = 1")
    [first, second] = await parse_batch(batch(large, small), LIMITS)
    assert isinstance(first, InvalidInput)
    assert first.reason is Reason.TEXT_TOO_LONG
    assert isinstance(second, ParsedSearch)


async def test_other_calls_go_on_between_the_searches() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await parse_batch(batch(*[expression("n = 1")] * 8), LIMITS)
    task.cancel()
    assert turns >= 8
