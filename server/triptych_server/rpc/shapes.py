"""Wraps a handler of any of gRPC's four shapes, so that an interceptor is written once.

The rebuilt handler takes bytes: parsing happens inside, where an error can still be answered
properly. (gRPC itself answers a malformed message with UNKNOWN and internal text, before any
handler is called.) A single answer is serialised inside, too; those of a stream are left to gRPC,
since a servicer may also write to the context itself, as health's Watch does.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import grpc

Guard = Callable[[Any, Callable[[], Awaitable[None]]], Awaitable[None]]
"""Runs the call it is given and answers its errors through the context, its first argument."""


def rebuild(
    handler: Any,
    guard: Guard,
    parse: Callable[[Callable[[bytes], Any], bytes], Any],
    serialize: Callable[[Callable[[Any], bytes], Any], bytes],
) -> grpc.RpcMethodHandler[Any, Any]:
    """``handler`` with ``guard`` around the call, from the raw request to the raw answer.

    ``parse`` and ``serialize`` get the handler's own (de)serialiser and what it is to work on.
    ``handler`` is a grpc.RpcMethodHandler, whose types say nothing of aio's coroutines.
    """

    def take(raw: bytes) -> Any:
        return parse(handler.request_deserializer, raw)

    async def take_all(stream: AsyncIterable[bytes]) -> AsyncIterator[Any]:
        async for raw in stream:
            yield take(raw)

    async def many_out(request: Any, context: Any) -> None:
        async def call() -> None:
            if handler.request_streaming:
                answers = handler.stream_stream(take_all(request), context)
            else:
                answers = handler.unary_stream(take(request), context)
            if not hasattr(answers, "__aiter__"):
                await answers
                return
            # Closed at once, not some time after the call, when its caller goes away.
            async with aclosing(answers):
                async for answer in answers:
                    await context.write(answer)

        await guard(context, call)

    async def one_out(request: Any, context: Any) -> bytes:
        answer = b""

        async def call() -> None:
            nonlocal answer, request
            if handler.request_streaming:
                made = await handler.stream_unary(take_all(request), context)
            else:
                message = take(request)
                # The message holds all of it again: a picture need not lie here twice.
                request = b""
                made = await handler.unary_unary(message, context)
            answer = serialize(handler.response_serializer, made)

        await guard(context, call)
        return answer

    if handler.response_streaming:
        make = (
            grpc.stream_stream_rpc_method_handler
            if handler.request_streaming
            else grpc.unary_stream_rpc_method_handler
        )
        return make(many_out, response_serializer=handler.response_serializer)
    if handler.request_streaming:
        return grpc.stream_unary_rpc_method_handler(one_out)
    return grpc.unary_unary_rpc_method_handler(one_out)
