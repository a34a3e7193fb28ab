"""What every process that the service starts has in common: it ends with the service."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:  # a third of a child's start, and no child needs it
    import asyncio.subprocess

_PR_SET_PDEATHSIG = 1
_EXIT_WAIT_S = 5.0

G = TypeVar("G")


class ChildNotStarted(Exception):
    """A process did not come to work; the text is for the log."""


def die_with(parent: int) -> bool:
    """Ask for SIGKILL at the end of the thread that started this process; False: too late.

    Called by the child, first of all. A Ctrl-C or a stop of the whole group reaches it too, and is
    left to the parent: it drains, and then ends its children.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    return os.getppid() == parent


async def start_child(
    module: str, *arguments: str, descriptor: int, **variables: str
) -> asyncio.subprocess.Process:
    """Start ``python -m module DESCRIPTOR PARENT_PID arguments...`` with ``variables`` set.

    Called from the event loop's thread: on Linux the child is killed when that thread ends. It
    finds the modules that this process finds, and none of its settings: what it needs to know are
    its arguments, and a process that reads foreign pictures has no use for keys. Raises OSError.
    """
    import asyncio

    inherited = {k: v for k, v in os.environ.items() if not k.upper().startswith("TRIPTYCH_")}
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        module,
        str(descriptor),
        str(os.getpid()),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        pass_fds=(descriptor,),
        env={**inherited, "PYTHONPATH": path, **variables},
    )


async def start_greeting_child(
    module: str,
    *arguments: str,
    greeting: Callable[[socket.socket], Awaitable[G]],
    wait_s: float,
    **variables: str,
) -> tuple[asyncio.subprocess.Process, socket.socket, G]:
    """Start a child on one end of a socket pair, and wait up to ``wait_s`` for its ``greeting``.

    That takes it from our end, which comes back non-blocking; it raises EOFError or OSError where
    the process has gone, and ValueError for nonsense. Raises ChildNotStarted.
    """
    import asyncio

    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    try:
        with theirs:
            process = await start_child(module, *arguments, descriptor=theirs.fileno(), **variables)
    except BaseException as error:
        ours.close()
        if isinstance(error, OSError):
            raise ChildNotStarted(str(error)) from error
        raise
    try:
        async with asyncio.timeout(wait_s):
            return process, ours, await greeting(ours)
    except BaseException as error:
        ours.close()
        slow = isinstance(error, TimeoutError)
        gone = isinstance(error, EOFError | OSError) and not slow
        status = describe_end(await end_child(process, wait_s=_EXIT_WAIT_S if gone else 0))
        if slow:
            raise ChildNotStarted(f"no greeting in {wait_s} s") from error
        if gone or isinstance(error, ValueError):
            raise ChildNotStarted(f"no greeting: {status}") from error
        raise


async def end_child(process: asyncio.subprocess.Process, *, wait_s: float) -> int:
    """The exit status, once the process is gone; it is killed where it has not gone by itself."""
    import asyncio

    try:
        async with asyncio.timeout(wait_s):
            return await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        return await process.wait()


def describe_end(status: int) -> str:
    """An exit status in words, for the log."""
    if status >= 0:
        return f"exit status {status}"
    name = signal.Signals(-status).name
    return f"{name} (is the disk full?)" if -status == signal.SIGBUS else name


def read_exactly(pipe: socket.socket, length: int) -> bytearray | None:
    """Wait for ``length`` bytes; None where the pipe ends before."""
    content = bytearray(length)
    view = memoryview(content)
    while view:
        received = pipe.recv_into(view)
        if received == 0:
            return None
        view = view[received:]
    return content
