"""``python -m benchmarks.noop FILE``: a server whose Search answers with the bytes of FILE.

It is what a call costs that does nothing: same transport, same sizes, nothing parsed or made.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc


@contextmanager
def noop_server(answer: bytes, folder: Path) -> Iterator[str]:
    """The address of such a server in a process of its own."""
    file = folder / "answer"
    file.write_bytes(answer)
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.noop", str(file)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(timeout=30)
        process.stdout.close()


async def _serve(answer: bytes) -> None:
    async def search(request: bytes, context: Any) -> bytes:
        return answer

    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(search)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler("triptych.v1.SearchService", {"Search": handler})]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]).read_bytes()))
