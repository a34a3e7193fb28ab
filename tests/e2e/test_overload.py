"""A server that is asked for more than it can do by the deadlines of those who ask."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import grpc
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from grpc_status import rpc_status

from tests.support.server import RunningServer
from triptych.v1.encode_service_pb2 import EncodeRequest
from triptych.v1.encode_service_pb2_grpc import EncodeServiceStub
from triptych.v1.status_service_pb2 import GetStatusRequest, QueueStatus
from triptych.v1.status_service_pb2_grpc import StatusServiceStub

# Fewer calls than the server takes streams of one connection.
_CALLS, _TEXTS, _DEADLINE_S = 200, 32, 0.25


async def test_nothing_is_encoded_for_callers_whose_time_is_over(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data", log_level="WARNING") as server:
        async with grpc.aio.insecure_channel(server.address) as channel:
            stub: Any = EncodeServiceStub(channel)
            await stub.Encode(_texts(-1), timeout=30)

            refusals: list[grpc.aio.AioRpcError] = []

            async def call(number: int) -> grpc.StatusCode:
                try:
                    await stub.Encode(_texts(number), timeout=_DEADLINE_S)
                except grpc.aio.AioRpcError as error:
                    refusals.append(error)
                    return error.code()
                return grpc.StatusCode.OK

            codes = Counter(await asyncio.gather(*(call(n) for n in range(_CALLS))))
            refused, late = (
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                grpc.StatusCode.DEADLINE_EXCEEDED,
            )
            assert codes.keys() <= {grpc.StatusCode.OK, refused, late}
            # Far more work than fits into a quarter of a second.
            assert codes[refused] + codes[late] > 0
            queue = await _text_queue(channel)
            while queue.waiting:
                await asyncio.sleep(0.05)
                queue = await _text_queue(channel)
            assert queue.begun_late_count == 0
            assert queue.encoded_count < _CALLS * _TEXTS
            assert queue.refused_count + queue.expired_count + queue.cancelled_count > 0
            for error in refusals:
                if error.code() is refused:
                    _check_refusal(error)
            # Who has the time is answered as ever.
            answer = await stub.Encode(_texts(_CALLS), timeout=30)
            assert len(answer.embeddings) == _TEXTS
        assert server.stop() == 0
        assert "Traceback" not in server.log


def _texts(number: int) -> EncodeRequest:
    request = EncodeRequest()
    for n in range(_TEXTS):
        request.inputs.add().text = f"{number} {n} " + "a red cup beside a green door " * 3
    return request


async def _text_queue(channel: grpc.aio.Channel) -> QueueStatus:
    status: Any = StatusServiceStub(channel)
    found = await status.GetStatus(GetStatusRequest(), timeout=30)
    queues: list[QueueStatus] = [queue for queue in found.queues if queue.model == "text"]
    return queues[0]


def _check_refusal(error: Any) -> None:
    status = rpc_status.from_call(error)
    assert status is not None
    info, retry = ErrorInfo(), RetryInfo()
    assert any(detail.Unpack(info) for detail in status.details)
    assert any(detail.Unpack(retry) for detail in status.details)
    assert info.reason == "QUEUE_FULL"
    assert 0 < retry.retry_delay.ToTimedelta().total_seconds() <= 5
