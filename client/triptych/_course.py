"""The course of one call: its deadline, its attempts, and the error that it comes to."""

import os
import time

import grpc

from triptych._status import error_for, no_retry_mends
from triptych.errors import ResourceExhausted, TriptychError, Unavailable, UnexpectedStatus

# With four retries a call that finds nobody gives up after about three seconds, and one that meets
# a restarting server outlasts the restart.
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 3.0
GROWTH = 2.0
# Callers that were refused together don't come back together.
SPREAD = 0.2


class Course:
    """One call, from its first attempt to its end. It says how long to wait; it never waits."""

    def __init__(
        self,
        *,
        seconds: float,
        retries: int,
        metadata: tuple[tuple[str, str | bytes], ...],
        request_id: str,
        target: str,
        secure: bool,
        max_message_bytes: int,
    ) -> None:
        self.metadata = metadata
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._retries = retries
        self._done = 0
        self._request_id = request_id
        self._target = target
        self._secure = secure
        self._max_message_bytes = max_message_bytes

    def remaining(self) -> float:
        """Seconds until the deadline, which is the same for all attempts."""
        return max(0.0, self._deadline - time.monotonic())

    def pause_after(self, failed: grpc.RpcError, *, begun: bool = False) -> float:
        """Seconds to wait before the next attempt.

        Args:
            failed: how this attempt ended.
            begun: whether a part of the answer has been handed on, so that there is no next one.

        Raises:
            TriptychError: there is no next attempt.
        """
        error = error_for(
            failed,
            target=self._target,
            secure=self._secure,
            timeout=self._seconds,
            max_message_bytes=self._max_message_bytes,
            request_id=self._request_id,
        )
        pause = None
        if not begun and self._done < self._retries and not no_retry_mends(failed):
            pause = _pause(error, self._done)
        if pause is None or pause >= self.remaining():
            raise error from failed
        self._done += 1
        return pause

    def cut_off(self) -> TriptychError:
        """The error of a call that ended because its client was closed."""
        return UnexpectedStatus(
            "the client was closed during this call",
            code=grpc.StatusCode.CANCELLED,
            request_id=self._request_id,
        )


def _pause(error: TriptychError, done: int) -> float | None:
    """Seconds to wait after this error and so many retries; None where waiting does not help."""
    if isinstance(error, Unavailable):
        grown = min(FIRST_PAUSE_S * GROWTH**done, LONGEST_PAUSE_S)
        wanted = max(grown, error.retry_after_s or 0.0)
    elif isinstance(error, ResourceExhausted) and error.retry_after_s is not None:
        wanted = max(FIRST_PAUSE_S, error.retry_after_s)
    else:
        return None
    return wanted * (1.0 + SPREAD * os.urandom(1)[0] / 255)
