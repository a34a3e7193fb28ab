"""``python -m benchmarks.start_parts FOLDER``: each part of the server's start, for itself.

Prints a JSON object of seconds: what a part takes on the wall, in a process that has made all the
imports before it. The service does the last three at the same time.
"""

from __future__ import annotations

import time

_BEGIN = time.perf_counter()

import asyncio  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
from collections.abc import Awaitable  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import TypeVar  # noqa: E402

Result = TypeVar("Result")


async def measured(folder: Path) -> dict[str, float]:
    """Seconds by part."""
    found: dict[str, float] = {}
    begin = _BEGIN

    def note(part: str) -> None:
        nonlocal begin
        found[part] = time.perf_counter() - begin
        begin = time.perf_counter()

    async def waited(part: str, work: Awaitable[Result]) -> Result:
        nonlocal begin
        begin = time.perf_counter()
        result = await work
        note(part)
        return result

    note("asyncio")
    from triptych_server.read_settings import read_settings

    settings = read_settings([])
    note("settings, with pydantic")
    import triptych_server.app  # noqa: F401

    note("the service's modules, with gRPC and numpy")
    import onnxruntime  # noqa: F401
    import tokenizers  # noqa: F401

    note("onnxruntime and tokenizers")
    from triptych_server.encode.catalogue import resolve_model
    from triptych_server.encode.clip import load_encoder
    from triptych_server.encode.intake import ProcessIntake
    from triptych_server.store.edge_store import EdgeStore

    encoder = load_encoder(
        "tiny-clip",
        resolve_model("tiny-clip", folder),
        device="cpu",
        threads=settings.thread_count,
        max_image_batch=settings.max_image_batch,
        max_text_batch=settings.max_text_batch,
        max_queue=settings.max_queue,
    )
    note("the bundled model")
    store = await waited("the store's process", EdgeStore.open(folder))
    intake = await waited(
        "the first process that decodes",
        ProcessIntake.open(
            settings.limits,
            workers=settings.decode_worker_count,
            time_limit_ms=settings.decode_time_limit_ms,
            memory_bytes=settings.decode_memory,
        ),
    )
    await encoder.close()
    await intake.close()
    await store.close()
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(measured(Path(sys.argv[1])))))
