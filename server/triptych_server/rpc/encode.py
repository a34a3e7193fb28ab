"""EncodeService."""

from __future__ import annotations

from typing import Any

from triptych.v1 import encode_service_pb2 as pb
from triptych.v1 import encode_service_pb2_grpc as grpc_pb
from triptych_server.domain.limits import Limits
from triptych_server.usecases.encode import Encode
from triptych_server.usecases.stopwatch import Stopwatch
from triptych_server.wire.common import render_timings
from triptych_server.wire.encode import parse_encode, render_encode


class EncodeServicer(grpc_pb.EncodeServiceServicer):
    """Parse, use case, answer."""

    def __init__(self, encode: Encode, limits: Limits) -> None:
        self._encode = encode
        self._limits = limits

    async def Encode(self, request: pb.EncodeRequest, context: Any) -> pb.EncodeResponse:
        watch = Stopwatch()
        with watch.stage("parse"):
            inputs, notices = parse_encode(request, self._limits)
        made = await self._encode(request.encoder_id, inputs, watch)
        with watch.stage("render"):
            answer = render_encode(made, notices)
        answer.timings.CopyFrom(render_timings(watch.read()))
        return answer
