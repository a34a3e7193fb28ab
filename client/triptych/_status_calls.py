"""The client's call of StatusService."""

from triptych._calls import Calls
from triptych.v1.status_service_pb2 import GetStatusRequest, GetStatusResponse


class StatusCalls(Calls):
    """Asks what the server is."""

    def status(self, *, timeout: float | None = None) -> GetStatusResponse:
        """The server's version, encoders, limits and store; it answers with the store down too."""
        return self._channel.call(self._status.GetStatus, GetStatusRequest(), timeout)
