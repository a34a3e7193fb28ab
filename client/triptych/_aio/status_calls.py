# Made from triptych/_status_calls.py by `python -m tools.client.aio`: change that.
"""The client's call of StatusService."""

from triptych._aio.calls import AsyncCalls
from triptych.v1.status_service_pb2 import GetStatusRequest, GetStatusResponse


class AsyncStatusCalls(AsyncCalls):
    """Asks what the server is."""

    async def status(self, *, timeout: float | None = None) -> GetStatusResponse:
        """The server's version, encoders, limits and store; it answers with the store down too."""
        return await self._channel.call(self._status.GetStatus, GetStatusRequest(), timeout)
