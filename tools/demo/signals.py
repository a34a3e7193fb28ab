"""What ends the demo early: Ctrl-C, and whatever else asks a process to stop."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal asks the demo to end. Not an Exception: nothing on the way may swallow it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Interruption:
    """Turns the first of the signals into ``Interrupted``, and lets pass what comes after it.

    Once is enough: the server is stopped in a moment, and must not be left behind by a second.
    """

    def __init__(self, numbers: Sequence[int] = SIGNALS) -> None:
        self._numbers = numbers
        self._number: int | None = None
        self._is_held = False
        for number in numbers:
            signal.signal(number, self._interrupt)

    def check(self) -> None:
        """Raises ``Interrupted`` where a signal came, even one whose exception got lost.

        Python only reports what is raised in its callbacks, of a collected object, say.
        """
        if self._number is not None:
            for each in self._numbers:
                signal.signal(each, signal.SIG_IGN)
            raise Interrupted(self._number)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps a signal waiting until the end of the block: a fork would lose the exception."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
        self.check()

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._number = number
        if not self._is_held:
            self.check()
