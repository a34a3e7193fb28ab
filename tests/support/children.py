"""The processes that a service, or a test, has started."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.server import RunningServer
from tests.support.waiting import wait_for

ENGINE = "triptych_server.store.edge_child"
DECODER = "triptych_server.encode.decode_child"
READER = "triptych_server.encode.ocr_child"


def children(module: str, parent: int | None = None) -> list[int]:
    """The living children of ``parent``, or of this process, that run ``module``."""
    pid = os.getpid() if parent is None else parent
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed if module in command_of(int(child))]


def command_of(pid: int) -> list[str]:
    """The command line of a process; empty once it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


def engine_pid(server: RunningServer) -> int:
    """The process of the embedded engine, once there is one."""
    found: list[int] = []

    def there() -> bool:
        found.extend(children(ENGINE, server.process.pid))
        return bool(found)

    wait_for(there)
    return found[0]


def cpu_ticks(pid: int) -> int:
    """Ticks of processor time that a process has had, of its own."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def memory_of(pid: int) -> int:
    """Bytes that a process holds in memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(pid)
