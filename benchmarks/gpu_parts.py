"""What ``benchmarks.gpu`` measures, a part each."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.device import Watch
from benchmarks.frame import Row, interleaved, skipped
from benchmarks.gpu_ground import CORES, FP16, FP32, Ground
from benchmarks.models import CONTEXT_LENGTH, IMAGE_SIZE, ROOT, clip_folder
from benchmarks.service_load import Caller, Server, closed_loop
from benchmarks.texts import queries
from triptych_server.domain.limits import Limits
from triptych_server.encode.buckets import image_buckets, text_buckets
from triptych_server.encode.clip import ClipEncoder
from triptych_server.encode.intake import ProcessIntake
from triptych_server.encode.session import Device, Session

Found = tuple[list[Row], list[str]]


def models(ground: Ground) -> Found:
    """The model folders, made where they are missing."""
    ground.models[FP32] = clip_folder()
    from triptych_server.encode.convert_model import Precision, convert_model

    half = ROOT / f"{ground.models[FP32].name}-{FP16}"
    if not (half / "model.json").is_file():
        convert_model(ground.models[FP32], half, Precision.FP16)
    ground.models[FP16] = half
    return [], []


def parity(ground: Ground) -> Found:
    """The least cosine between the device's vectors and those of the CPU, single precision."""
    pictures, texts = ground.pictures(32), queries(64, seed=1, words=(1, 40))

    async def vectors(encoder: ClipEncoder) -> NDArray[np.float32]:
        images = await asyncio.gather(*map(encoder.encode_image, pictures))
        found = await asyncio.gather(*map(encoder.encode_text, texts))
        return np.stack([*images, *(one.vector for one in found)])

    reference = ground.runner.run(vectors(ground.encoder(FP32, Device.CPU)))
    rows = []
    for precision in ground.models:
        found = ground.runner.run(vectors(ground.encoder(precision)))
        cosines = (found.astype(np.float64) * reference).sum(axis=1)
        where = ground.encoder(precision).info.provider
        rows.append(
            Row(
                f"{precision} against the CPU's {FP32}: least cosine",
                f"1 − {1 - cosines.min():.1e}",
                "≥ 0.999",
                bool(cosines.min() >= 0.999),
                f"{len(pictures)} pictures and {len(texts)} texts, on {where}",
            )
        )
    return rows, []


def raw(ground: Ground) -> Found:
    """The models alone: half precision over single, bound runs over plain ones."""
    rows = []
    for half, unit in (("vision", "images"), ("text", "texts")):
        count, length = (ground.size.images, 0) if half == "vision" else (ground.size.texts, 16)
        arms = {p: _runs(ground, ground.session(p, half), count, length) for p in ground.models}
        best = ground.session(ground.best, half)
        for name, bound in (("bound", True), ("plain", False)):
            session = Session(best._session, device_id=ground.device_id, bound=bound)
            arms[name] = _runs(ground, session, count, length)
        found = interleaved(arms, rounds=ground.size.rounds)
        shape = f"{count} × {length} tokens" if length else f"{count}"
        rows += [
            Row(f"model alone, {p}: {unit}/s", f"{found.median(p):,.0f}", detail=f"batch {shape}")
            for p in ground.models
        ]
        goal, name = "≥ 1.8×", f"{FP16} over {FP32}, {unit}"
        if FP16 in ground.models:
            ratio = found.ratio(FP16, FP32)
            rows.append(Row(name, str(ratio), goal, ratio.median >= 1.8))
        else:
            rows.append(skipped(name, "there is no model of half precision", goal=goal))
        pauses = [_longest_pause(arms[name]) for name in ("bound", "plain")]
        rows.append(
            Row(
                f"bound over plain runs, {unit}",
                str(found.ratio("bound", "plain")),
                detail="longest pause of another Python thread meanwhile, in milliseconds: bound "
                f"{1000 * pauses[0]:.1f}, plain {1000 * pauses[1]:.1f}",
            )
        )
    return rows, []


def shapes(ground: Ground) -> Found:
    """Every shape that a batch can get: milliseconds of a run and items a second."""
    images, texts = ground.size.images, ground.size.texts
    wanted = [("vision", shape) for shape in image_buckets(images).shapes()]
    wanted += [
        ("text", shape) for shape in text_buckets(texts, CONTEXT_LENGTH, 16 * texts).shapes()
    ]
    lines = [f"Every shape that a batch can get, {ground.best}:", "", "| | ms | items/s |"]
    lines.append("|---|---|---|")
    for half, (count, *length) in wanted:
        session = ground.session(ground.best, half)
        run = _runs(ground, session, count, *length, seconds=ground.size.seconds / 8)
        run()
        rate = run()
        what = f"{count} texts of {length[0]}" if length else f"{count} pictures"
        lines.append(f"| {what} | {1000 * count / rate:.2f} | {rate:,.0f} |")
    return [], ["\n".join(lines)]


def encoder(ground: Ground) -> Found:
    """The encoder, with its queue, shrinking, normalising and tokenizing, over the model alone."""
    size, made = ground.size, ground.encoder(ground.best)
    pictures = ground.pictures(size.images)
    texts = queries(512, seed=2)
    rng = random.Random(0)

    async def one_picture() -> int:
        await made.encode_image(rng.choice(pictures))
        return 1

    async def one_text() -> int:
        await made.encode_text(rng.choice(texts))
        return 1

    rows = []
    for half, unit, call, count, length in (
        ("vision", "images", one_picture, size.images, 0),
        ("text", "texts", one_text, size.texts, 16),
    ):

        def ours(call: Callable[[], Any] = call, callers: int = 4 * count) -> float:
            return ground.runner.run(closed_loop(call, callers=callers, seconds=size.seconds))

        alone = _runs(ground, ground.session(ground.best, half), count, length)
        found = interleaved({"ours": ours, "alone": alone}, rounds=size.rounds)
        rows += [
            Row(f"encoder, {ground.best}: {unit}/s", f"{found.median('ours'):,.0f}"),
            Row(f"encoder over the model alone, {unit}", str(found.ratio("ours", "alone"))),
        ]
    return rows, []


def service(ground: Ground) -> Found:
    """A server process fed with JPEG files, over what its decoders or the model alone could do."""
    size = ground.size
    settings = {
        "encoders": f"clip={ground.models[ground.best]}",
        "device": ground.device.value,
        "device_ids": str(ground.device_id),
        "pictures_in_flight": str(min(256, max(8, 2 * CORES))),
        "max_image_batch": str(size.images),
        "max_text_batch": str(size.texts),
        "log_level": "WARNING",
    }
    run = ground.runner.run
    intake = run(
        ProcessIntake.open(
            Limits(), workers=CORES, time_limit_ms=30_000, memory_bytes=2_000_000_000
        )
    )
    rng = random.Random(1)

    # As the service has them decoded.
    detail = ground.encoder(ground.best).info.image_ways[0].detail

    async def decode() -> int:
        await intake.decode(rng.choice(ground.files), detail)
        return 1

    alone = _runs(ground, ground.session(ground.best, "vision"), size.images, 0)
    with Server(ground.folder / "service", **settings) as server:

        async def begin() -> Caller:
            made = Caller(server.address, ground.files, size.items)
            await made.create()
            return made

        caller = run(begin())
        callers = max(4, min(64, 2 * CORES))

        def of_server(call: Callable[[], Any]) -> Callable[[], float]:
            return lambda: run(closed_loop(call, callers=callers, seconds=size.service_s))

        arms: Mapping[str, Callable[[], float]] = {
            "decoders": lambda: run(closed_loop(decode, callers=4 * CORES, seconds=size.seconds)),
            "model": alone,
            "encode": of_server(caller.encode),
            "upsert": of_server(caller.upsert),
        }
        found = interleaved(arms, rounds=max(2, size.rounds - 2))
        run(caller.close())
    run(intake.close())
    names = {
        "decoders": f"decoders alone, {CORES} processes, JPEG of 1 MP: images/s",
        "model": f"model alone, {ground.best}, batch {size.images}: images/s",
        "encode": "service, Encode: images/s",
        "upsert": "service, UpsertItems on the embedded store: images/s",
    }
    rows = [Row(names[arm], f"{found.median(arm):,.0f}") for arm in names]
    bounds = [
        min(pair) for pair in zip(found.figures["decoders"], found.figures["model"], strict=True)
    ]
    for arm, goal in (("encode", 0.0), ("upsert", 0.8)):
        shares = [rate / most for rate, most in zip(found.figures[arm], bounds, strict=True)]
        median = float(np.median(shares))
        rows.append(
            Row(
                f"service, {arm}, over the lesser of decoders and model",
                f"{median:.2f} ({min(shares):.2f} to {max(shares):.2f})",
                f"≥ {goal}" if goal else "",
                median >= goal if goal else None,
                f"{CORES} cores, shared by decoders, server and the callers",
            )
        )
    return rows, []


def memory(ground: Ground) -> Found:
    """Memory under a mixed load of every size, from the end of the warm-up on."""
    made = ground.encoder(ground.best)
    pictures = ground.pictures(ground.size.images)
    texts = queries(256, seed=3, words=(1, 80))
    rng = random.Random(2)
    seconds = max(1.0, min(ground.size.memory_s, ground.ends - time.monotonic()))
    done = 0

    async def load(until: float) -> None:
        nonlocal done
        while time.monotonic() < until:
            images = rng.choices(pictures, k=rng.randint(1, 2 * ground.size.images))
            words = rng.choices(texts, k=rng.randint(1, 2 * ground.size.texts))
            await asyncio.gather(*map(made.encode_image, images), *map(made.encode_text, words))
            done += len(images) + len(words)

    # The process's own buffers reach their size with the first large batches.
    ground.runner.run(load(time.monotonic() + min(10.0, seconds / 3)))
    done = 0
    with Watch(ground.on_gpu) as watch:
        ground.runner.run(load(time.monotonic() + seconds))
    rows = []
    for name, samples in (("GPU", watch.device), ("process", watch.process)):
        if not samples[0]:
            rows.append(skipped(f"{name} memory", "no GPU is measured", goal="≤ 1 % growth"))
            continue
        growth = max(samples) / samples[0] - 1
        is_goal = (name == "GPU") == ground.on_gpu
        rows.append(
            Row(
                f"{name} memory over {seconds:.0f} s: most against the first",
                f"{100 * growth:+.2f} %",
                "≤ 1 %" if is_goal else "",
                growth <= 0.01 if is_goal else None,
                f"{len(samples)} samples, {samples[0] / 2**20:,.0f} MiB at first, "
                f"{max(samples) / 2**20:,.0f} MiB at most; {done:,} inputs",
            )
        )
    return rows, []


PARTS: Mapping[str, Callable[[Ground], Found]] = {
    "models": models,
    "parity": parity,
    "raw": raw,
    "shapes": shapes,
    "encoder": encoder,
    "service": service,
    "memory": memory,
}


def _longest_pause(arm: Callable[[], float]) -> float:
    """For how many seconds another thread of this process had to wait while the arm ran."""
    ends = threading.Event()
    pauses = [0.0]

    def beat() -> None:
        last = time.perf_counter()
        while not ends.wait(0.0005):
            now = time.perf_counter()
            pauses.append(now - last)
            last = now

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        arm()
    finally:
        ends.set()
        thread.join()
    return max(pauses)


def _runs(
    ground: Ground, session: Session, count: int, length: int = 0, *, seconds: float = 0.0
) -> Callable[[], float]:
    """An arm: items a second of runs of one shape, one after the other."""
    rng = np.random.default_rng(0)
    feeds: dict[str, NDArray[Any]] = {}
    for spec in session.inputs:
        if not length:
            pixels = rng.standard_normal((count, 3, IMAGE_SIZE, IMAGE_SIZE), dtype=np.float32)
            feeds[spec.name] = pixels.astype(spec.type, copy=False)
        elif spec.name == "input_ids":
            feeds[spec.name] = rng.integers(4, 200, (count, length)).astype(spec.type)
        else:
            feeds[spec.name] = np.ones((count, length), spec.type)
    output = session.outputs[0].name
    lasts = seconds or ground.size.seconds

    def arm() -> float:
        begin = time.perf_counter()
        runs = 0
        while (taken := time.perf_counter() - begin) < lasts or not runs:
            session.run(output, feeds)
            runs += 1
        return runs * count / taken

    return arm
