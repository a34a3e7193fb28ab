"""StatusService."""

from __future__ import annotations

from typing import Any

from triptych.v1 import status_service_pb2 as pb
from triptych.v1 import status_service_pb2_grpc as grpc_pb
from triptych_server.usecases.status import Status
from triptych_server.wire.status import render_status


class StatusServicer(grpc_pb.StatusServiceServicer):
    """Use case, answer."""

    def __init__(self, status: Status) -> None:
        self._status = status

    async def GetStatus(self, request: pb.GetStatusRequest, context: Any) -> pb.GetStatusResponse:
        return render_status(await self._status())
