"""The processes that decode pictures: the same pixels, whatever a picture does to a process."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.broken_pictures import FORMATS, seeds
from tests.support.children import DECODER, children, cpu_ticks
from tests.support.decoding import OwnDecoder
from tests.support.pictures import encoded, png_file, textless
from tests.support.stores import until
from triptych_server.domain.errors import InvalidInput, Reason, Unavailable
from triptych_server.domain.items import Picture
from triptych_server.domain.limits import Limits
from triptych_server.encode.decode_frames import unpack_greeting, unpack_reply
from triptych_server.encode.errors import StartupError
from triptych_server.encode.intake import ProcessIntake
from triptych_server.encode.shared_pixels import SharedRooms, shared_pixels

MIB = 1 << 20
GIB = 1 << 30
SMALL = encoded(textless(3, side=48), "JPEG")


@asynccontextmanager
async def intake(
    *,
    workers: int = 1,
    time_limit_ms: int = 30_000,
    memory_bytes: int = 2 * GIB,
    limits: Limits | None = None,
) -> AsyncIterator[ProcessIntake]:
    """An intake whose processes are all gone at the end."""
    opened = await ProcessIntake.open(
        limits or Limits(),
        workers=workers,
        time_limit_ms=time_limit_ms,
        memory_bytes=memory_bytes,
    )
    try:
        yield opened
    finally:
        await opened.close()
        assert not children(DECODER)


def large() -> bytes:
    """A picture that keeps its decoder busy for half a second or more: 40 MP, 16 bits a sample."""
    row = bytes(range(250)) * 48  # 6000 samples
    return png_file([row] * 6700, width=6000, depth=16, colour_type=0)


def refusal(error: pytest.ExceptionInfo[InvalidInput]) -> tuple[Reason, str]:
    [violation] = error.value.violations
    assert violation.field == ""
    return violation.reason, violation.message


async def outcome(opened: ProcessIntake, data: bytes) -> Picture | list[tuple[Reason, str]]:
    try:
        return await opened.decode(data)
    except InvalidInput as error:
        return [(v.reason, v.message) for v in error.violations]


def expected(decoder: OwnDecoder, data: bytes) -> Picture | list[tuple[Reason, str]]:
    try:
        return decoder.decode(data)
    except InvalidInput as error:
        return [(v.reason, v.message) for v in error.violations]


@pytest.mark.parametrize("format", FORMATS)
async def test_every_picture_is_the_same_to_the_bit(format: str) -> None:
    decoder = OwnDecoder(Limits())
    files = [*seeds(format), seeds(format)[0][:-9], seeds(format)[0][:40]]
    async with intake() as opened:
        for data in files:
            came, wanted = await outcome(opened, data), expected(decoder, data)
            if not isinstance(wanted, Picture):
                assert came == wanted
                continue
            assert isinstance(came, Picture)
            assert came.info == wanted.info
            assert came.notices == wanted.notices
            assert came.pixels.dtype == np.uint8
            assert np.array_equal(came.pixels, wanted.pixels)
            assert not came.pixels.flags.writeable


async def test_a_large_photograph_is_the_same_to_the_bit() -> None:
    rng = np.random.default_rng(5)
    coarse = Image.fromarray(rng.integers(0, 256, (300, 400, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = coarse.resize((4000, 3000), Image.Resampling.BICUBIC)
    data = encoded(photo, "JPEG", quality=88, exif=exif)
    async with intake() as opened:
        came = await opened.decode(data)
    # Its memory is its own: it outlives the process that wrote it.
    wanted = OwnDecoder(Limits()).decode(data)
    assert came.pixels.shape == (4000, 3000, 3)
    assert np.array_equal(came.pixels, wanted.pixels)
    assert came.info == wanted.info


async def test_memory_goes_with_the_picture() -> None:
    def mapped() -> int:
        return Path("/proc/self/maps").read_text().count("memfd:picture")

    async with intake() as opened:
        picture = await opened.decode(SMALL)
        assert mapped() == 1
        descriptors = len(os.listdir("/proc/self/fd"))
        part = picture.pixels[10:20]
        del picture
        await asyncio.sleep(0)  # the loop itself holds what it has just handed over
        gc.collect()
        assert mapped() == 1
        del part
        gc.collect()
        assert mapped() == 0
        for _ in range(20):
            await opened.decode(SMALL)
        gc.collect()
        assert len(os.listdir("/proc/self/fd")) <= descriptors


async def test_as_many_processes_as_there_are_pictures_up_to_the_limit() -> None:
    async with intake(workers=2) as opened:
        assert len(children(DECODER)) == 1
        pictures = await asyncio.gather(*(opened.decode(SMALL) for _ in range(12)))
        assert len({p.info.sha256 for p in pictures}) == 1
        assert len(children(DECODER)) == 2


async def test_a_bad_picture_does_not_disturb_its_neighbours() -> None:
    bad = encoded(textless(3, side=48), "PNG")[:60]
    async with intake(workers=2) as opened:
        results = await asyncio.gather(
            *(opened.decode(d) for d in (SMALL, bad) * 10), return_exceptions=True
        )
        assert len(children(DECODER)) == 2
    assert all(isinstance(r, Picture) for r in results[::2])
    assert all(isinstance(r, InvalidInput) for r in results[1::2])


async def test_what_is_no_picture_costs_no_process_its_time() -> None:
    async with intake(limits=Limits(max_image_bytes=5000)) as opened:
        [process] = children(DECODER)
        os.kill(process, signal.SIGSTOP)
        for data, reason in (
            (b"", Reason.IMAGE_EMPTY),
            (b"%PDF-1.7", Reason.IMAGE_FORMAT_UNSUPPORTED),
            (b"\xff\xd8\xff" + bytes(5000), Reason.IMAGE_TOO_LARGE),
        ):
            with pytest.raises(InvalidInput) as caught:
                await opened.decode(data)
            assert refusal(caught)[0] is reason


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT])
async def test_a_process_that_dies_over_a_picture_costs_that_picture(
    number: signal.Signals, caplog: pytest.LogCaptureFixture
) -> None:
    data = large()
    async with intake() as opened:
        [process] = children(DECODER)
        before = cpu_ticks(process)
        decoding = asyncio.create_task(opened.decode(data))
        await until(lambda: cpu_ticks(process) >= before + 3)  # in the middle of it
        os.kill(process, number)
        with pytest.raises(InvalidInput) as caught:
            await decoding
        assert refusal(caught) == (
            Reason.IMAGE_DECODE_FAILED,
            "the PNG data broke its decoder",
        )
        assert (await opened.decode(SMALL)).info.width == 48
        assert process not in children(DECODER)
    [record] = caplog.records
    assert number.name in record.getMessage()


async def test_a_process_that_dies_between_pictures_costs_nothing() -> None:
    async with intake() as opened:
        [process] = children(DECODER)
        os.kill(process, signal.SIGKILL)
        await until(lambda: not children(DECODER))
        assert (await opened.decode(SMALL)).info.width == 48
        [after] = children(DECODER)
        assert after != process


async def test_a_process_that_hangs_is_killed_and_costs_that_picture() -> None:
    async with intake(time_limit_ms=400) as opened:
        [process] = children(DECODER)
        os.kill(process, signal.SIGSTOP)
        with pytest.raises(InvalidInput) as caught:
            await opened.decode(SMALL)
        assert refusal(caught) == (
            Reason.IMAGE_DECODE_FAILED,
            "the JPEG data takes too long to decode (allowed 400 ms)",
        )
        assert process not in children(DECODER)
        assert (await opened.decode(SMALL)).info.width == 48


async def test_more_memory_than_there_may_be_costs_that_picture() -> None:
    data = large()
    async with intake(memory_bytes=320 * 1024 * 1024) as opened:
        [process] = children(DECODER)
        with pytest.raises(InvalidInput) as caught:
            await opened.decode(data)
        assert refusal(caught) == (
            Reason.IMAGE_DECODE_FAILED,
            "the PNG data cannot be decoded",
        )
        assert (await opened.decode(SMALL)).info.width == 48
        assert children(DECODER) == [process]
        assert resource.prlimit(process, resource.RLIMIT_AS) == (320 * 1024 * 1024,) * 2


async def test_a_caller_who_leaves_gives_the_process_back() -> None:
    data = large()
    async with intake() as opened:
        [process] = children(DECODER)
        leaving = asyncio.create_task(opened.decode(data))
        await until(lambda: cpu_ticks(process) >= 3)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert (await opened.decode(SMALL)).info.width == 48
        assert children(DECODER) == [process]


async def test_closing_ends_a_process_in_the_middle_of_a_picture() -> None:
    begin = time.monotonic()
    async with intake(time_limit_ms=600_000) as opened:
        [process] = children(DECODER)
        os.kill(process, signal.SIGSTOP)
        decoding = asyncio.create_task(opened.decode(SMALL))
        await asyncio.sleep(0.05)
    with pytest.raises(asyncio.CancelledError):
        await decoding
    assert time.monotonic() - begin < 60


async def test_too_little_memory_is_no_start() -> None:
    with pytest.raises(StartupError, match="10000000 bytes"):
        await ProcessIntake.open(Limits(), workers=1, time_limit_ms=1000, memory_bytes=10_000_000)
    assert not children(DECODER)


async def test_where_no_process_starts_any_more_it_is_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with intake() as opened:
        [process] = children(DECODER)
        os.kill(process, signal.SIGKILL)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", "/nowhere/python")
            for _ in range(2):
                with pytest.raises(Unavailable) as caught:
                    await opened.decode(SMALL)
                assert caught.value.reason is Reason.DECODER_UNAVAILABLE
        assert (await opened.decode(SMALL)).info.width == 48


async def test_memory_is_used_again_once_nobody_looks_at_it() -> None:
    """And never before: a picture stays what it was, whatever is decoded after it."""
    files = [encoded(textless(seed, side=500), "PNG") for seed in range(6)]
    decoder = OwnDecoder(Limits())
    wanted = [decoder.decode(data).pixels for data in files]

    def rooms(process: int) -> int:
        links = (os.readlink(f"/proc/{process}/fd/{n}") for n in os.listdir(f"/proc/{process}/fd"))
        return sum("memfd:picture" in link for link in links)

    async with intake() as opened:
        [process] = children(DECODER)
        kept = [await opened.decode(data) for data in files]
        assert rooms(process) == len(files)
        for _ in range(3):
            for data, pixels in zip(files, wanted, strict=True):
                assert np.array_equal((await opened.decode(data)).pixels, pixels)
        assert all(np.array_equal(p.pixels, w) for p, w in zip(kept, wanted, strict=True))
        most = rooms(process)
        assert most <= len(files) + 2
        kept.clear()
        await asyncio.sleep(0)
        gc.collect()
        again = [await opened.decode(data) for data in files]
        assert rooms(process) <= most
        assert all(np.array_equal(p.pixels, w) for p, w in zip(again, wanted, strict=True))


def test_no_more_memory_is_kept_than_may_be() -> None:
    rooms = SharedRooms(keep_bytes=5 * MIB)
    numbers = []
    for height in (500, 500, 2000):  # 2 MiB, 2 MiB, 6 MiB
        rooms(height, 1000)
        numbers.append(rooms.lend()[0])
    held = len(os.listdir("/proc/self/fd"))
    rooms.take_back(numbers)
    assert len(os.listdir("/proc/self/fd")) == held - 1
    rooms(400, 1000)
    assert rooms.lend()[0] in numbers
    with pytest.raises(KeyError):
        rooms.take_back([99])
    rooms(400, 1000)
    rooms(500, 1000)
    assert len(os.listdir("/proc/self/fd")) == held - 1
    last = rooms.lend()[0]
    rooms.take_back([last])


def nobody_told() -> None:
    raise AssertionError("there was nothing to let go of")


def test_memory_that_could_shrink_is_refused() -> None:
    """What reads it would die with SIGBUS."""
    descriptor = os.memfd_create("picture", os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(descriptor, 300)
        with pytest.raises(ValueError, match="sealed"):
            shared_pixels(descriptor, 10, 10, nobody_told)
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(("height", "width"), [(1000, 1000), (0, 10), (-10, -10)])
def test_memory_that_is_too_small_is_refused(height: int, width: int) -> None:
    rooms = SharedRooms(MIB)
    rooms(10, 10)
    _, descriptor = rooms.lend()
    with pytest.raises(ValueError, match="small"):
        shared_pixels(descriptor, height, width, nobody_told)
    for size in (1, 2 * MIB):
        with pytest.raises(OSError, match="not permitted"):
            os.ftruncate(descriptor, size)
    os.close(descriptor)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"7",
        b"{}",
        b'{"info": 5, "notices": []}',
        b'{"info": {"format": "PNG"}, "notices": []}',
        b'{"refused": [["NO_SUCH_REASON", "x"]]}',
        b'{"refused": 5}',
        b'{"refused": []}',
        b'{"info": {"format": "PNG", "width": "wide", "height": 1}, "notices": []}',
        b'{"info": {"format": "PNG", "width": 1, "height": 1, "byte_size": 1, "sha256": "",'
        b' "orientation": 1}, "notices": [], "room": "x"}',
    ],
)
def test_nonsense_is_no_reply(body: bytes) -> None:
    """A process that was taken over can say what it likes."""
    with pytest.raises(ValueError):
        unpack_reply(body)
    with pytest.raises(ValueError):
        unpack_greeting(body)
