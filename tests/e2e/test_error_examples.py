"""The examples in ``error_reason.proto`` are what the server says: each is caused and compared."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.contract.test_qdrant_faults import MADE, described, opened
from tests.e2e.test_bad_input import Stubs, details_of, read_details
from tests.support.bad_input.build import TINY
from tests.support.bad_input.items import payload_item
from tests.support.children import DECODER, children, engine_pid
from tests.support.error_examples import ALBUM, CAUSES, COLLECTIONS, PROTO, examples, fits
from tests.support.faulty_qdrant import Fault, FaultyQdrant
from tests.support.little_memory import encode_white, greedy_model
from tests.support.pictures import encoded, textless
from tests.support.random_model import make_random_model, restate
from tests.support.server import RunningServer
from tests.support.stores import dense, running, small
from tests.unit.rpc.test_boundary import failure, unforeseen
from triptych import TriptychError as ClientError
from triptych import make_item
from triptych.v1.collection_service_pb2 import CreateCollectionRequest
from triptych.v1.encode_service_pb2 import EncodeInput, EncodeRequest
from triptych.v1.encode_service_pb2_grpc import EncodeServiceStub
from triptych.v1.item_pb2 import Item, OcrOptions
from triptych.v1.item_service_pb2 import (
    DeleteItemsRequest,
    ListItemsRequest,
    UpsertItemsRequest,
    UpsertItemsResponse,
    UpsertOutcome,
)
from triptych.v1.item_service_pb2_grpc import ItemServiceStub
from triptych.v1.status_service_pb2 import GetStatusRequest
from triptych.v1.status_service_pb2_grpc import StatusServiceStub
from triptych_server.domain.errors import (
    Exhausted,
    NotFound,
    TriptychError,
    Unavailable,
    WrongState,
)
from triptych_server.domain.filters import Filter
from triptych_server.domain.legs import LegQuery
from triptych_server.domain.limits import Limits
from triptych_server.encode.intake import ProcessIntake
from triptych_server.store.qdrant_optimizer import QdrantOptimizer

Said = tuple[str, str]
"""A reason and a message, as a caller meets them."""

EXAMPLES = examples(PROTO.read_text(encoding="utf-8"))
# What races against a clock is tried until it comes out as it should, but not for ever.
TRIES = 200


def said(call: Callable[[], Any]) -> Said | None:
    """What the call is refused with, or the one failed item of it; None where all went well."""
    try:
        answer = call()
    except grpc.RpcError as error:
        caught: Any = error
        return details_of(caught)[0].reason, caught.details()
    if isinstance(answer, UpsertItemsResponse):
        failed = [o for o in answer.outcomes if o.result == UpsertOutcome.RESULT_FAILED]
        if failed:
            [outcome] = failed
            return read_details(outcome.error)[0].reason, outcome.error.message
    return None


def until_said(reason: str, call: Callable[[], Any]) -> Said | None:
    """What the call is refused with, tried again until it is for this reason."""
    last = None
    for _ in range(TRIES):
        try:
            last = said(call)
        except AssertionError:
            continue  # the client's own deadline came first: a status without details
        if last is not None and last[0] == reason:
            break
    return last


@contextmanager
def stubs_of(server: RunningServer) -> Iterator[Stubs]:
    options = [("grpc.max_send_message_length", 2**28)]
    with grpc.insecure_channel(server.address, options=options) as channel:
        yield Stubs(channel)


@pytest.fixture(scope="module")
def call(server: RunningServer) -> Iterator[Stubs]:
    with stubs_of(server) as stubs:
        for collection in COLLECTIONS:
            stubs(collection)
        yield stubs


def malformed(folder: Path, server: RunningServer) -> Said | None:
    with grpc.insecure_channel(server.address) as channel:
        method: Any = channel.unary_unary("/triptych.v1.SearchService/Search")
        return said(lambda: method(b"\xff\xff\xff", timeout=10))


def short_deadline(folder: Path, server: RunningServer) -> Said | None:
    with grpc.insecure_channel(server.address) as channel:
        stub = StatusServiceStub(channel)
        stub.GetStatus(GetStatusRequest(), timeout=10)
        return until_said(
            "DEADLINE_TOO_SHORT", lambda: stub.GetStatus(GetStatusRequest(), timeout=0.001)
        )


def without_tesseract(folder: Path, server: RunningServer) -> Said | None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(folder))
        patch.setenv("TESSDATA_PREFIX", str(folder))
        with RunningServer(folder / "data") as blind, stubs_of(blind) as stubs:
            stubs(COLLECTIONS[0])
            ocr = OcrOptions(mode=OcrOptions.MODE_ALWAYS)
            item = Item(id="cat-1", caption="a cat")
            return said(
                lambda: stubs(UpsertItemsRequest(collection_id=ALBUM, items=[item], ocr=ocr))
            )


def another_model(folder: Path, server: RunningServer) -> Said | None:
    write = UpsertItemsRequest(collection_id="pictures", items=[Item(id="cat-1", caption="a cat")])
    for revision in ("3d4f0c", "7c20e9"):
        model = make_random_model(folder / revision)
        restate(model, name="clip-vit-b-32", revision=revision)
        encoders = f"clip-vit-b-32={model}"
        with RunningServer(folder / "data", encoders=encoders) as one, stubs_of(one) as stubs:
            if revision == "7c20e9":
                return said(lambda: stubs(write))
            stubs(CreateCollectionRequest(collection_id="pictures"))
            assert one.stop() == 0
    return None


def full_queue(folder: Path, server: RunningServer) -> Said | None:
    many = EncodeRequest(inputs=[EncodeInput(text="a cup of coffee")] * 64)
    with (
        RunningServer(folder / "data", max_queue="1", max_text_batch="1") as narrow,
        grpc.insecure_channel(narrow.address) as channel,
    ):
        encode: Any = EncodeServiceStub(channel).Encode

        def two_at_a_time() -> Any:
            first = encode.future(many, timeout=20)
            try:
                return encode(many, timeout=20)
            finally:
                first.exception()

        return until_said("QUEUE_FULL", two_at_a_time)


def large_answer(folder: Path, server: RunningServer) -> Said | None:
    with RunningServer(folder / "data", max_message_bytes="65536") as own, stubs_of(own) as stubs:
        stubs(COLLECTIONS[0])
        for number in range(3):
            item = payload_item(text="x" * 30_000)
            item.id = str(number)
            stubs(UpsertItemsRequest(collection_id=ALBUM, items=[item]))
        return said(lambda: stubs(ListItemsRequest(collection_id=ALBUM)))


def killed_engine(folder: Path, server: RunningServer) -> Said | None:
    write = DeleteItemsRequest(collection_id=ALBUM, ids=["cat-1"])
    with (
        RunningServer(folder / "data") as own,
        stubs_of(own) as stubs,
        grpc.insecure_channel(own.address) as channel,
    ):
        stubs(COLLECTIONS[0])
        delete: Any = ItemServiceStub(channel).DeleteItems

        def killed_meanwhile() -> Any:
            delete(write, timeout=20)
            engine = engine_pid(own)
            os.kill(engine, signal.SIGSTOP)
            stopped = delete.future(write, timeout=20)
            with pytest.raises(grpc.FutureTimeoutError):
                stopped.result(timeout=0.3)
            os.kill(engine, signal.SIGKILL)
            return stopped.result()

        return until_said("STORE_UNAVAILABLE", killed_meanwhile)


def picture_refused(server: RunningServer, variant: str, *, image: bool = True) -> Said:
    """What is said of the picture of ``cat-1``, in a collection that keeps thumbnails."""
    with server.client() as client:
        name = client.create_collection(f"album-{variant}-{image}".lower()).id
        item = make_item(
            "cat-1", caption="a cat", image=encoded(textless(1), "PNG") if image else None
        )
        assert client.upsert(name, [item], ocr="skip")[0].result == UpsertOutcome.RESULT_CREATED
        for file in server.folder.glob(f"pictures/{name}*/**/*") if variant == "thumbnail" else ():
            if file.is_file():
                file.unlink()
        with pytest.raises(ClientError) as caught:
            client.get_item_image(name, "cat-1", variant=variant)
    return caught.value.reason, caught.value.message


def other_variant(folder: Path, server: RunningServer) -> Said | None:
    return picture_refused(server, "original")


def no_picture(folder: Path, server: RunningServer) -> Said | None:
    return picture_refused(server, "thumbnail", image=False)


def lost_picture(folder: Path, server: RunningServer) -> Said | None:
    return picture_refused(server, "thumbnail")


def without_key(folder: Path, server: RunningServer) -> Said | None:
    with (
        RunningServer(folder / "data", api_keys="a-key-that-is-not-shown") as own,
        grpc.insecure_channel(own.address) as channel,
    ):
        return said(lambda: StatusServiceStub(channel).GetStatus(GetStatusRequest(), timeout=10))


def defect(folder: Path, server: RunningServer) -> Said | None:
    error, details = asyncio.run(failure(unforeseen))
    return details["ErrorInfo"].reason, error.details()


def closed_store(folder: Path, server: RunningServer) -> Said | None:
    async def asked() -> Said:
        async with running(folder / "data") as store:
            await store.create_collection(small())
        with pytest.raises(Unavailable) as caught:
            await store.count("things", Filter())
        return caught.value.reason, caught.value.message

    return asyncio.run(asked())


def lost_decoder(folder: Path, server: RunningServer) -> Said | None:
    async def decoded() -> Said:
        intake = await ProcessIntake.open(
            Limits(), workers=1, time_limit_ms=1000, memory_bytes=2**30
        )
        try:
            [process] = children(DECODER)
            os.kill(process, signal.SIGKILL)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(sys, "executable", str(folder / "python"))
                with pytest.raises(Unavailable) as caught:
                    await intake.decode(TINY)
        finally:
            await intake.close()
        return caught.value.reason, caught.value.message

    return asyncio.run(decoded())


def little_memory(folder: Path, server: RunningServer) -> Said | None:
    run = encode_white(greedy_model(folder / "model"), count=1, spare_bytes=8_000_000)
    [(reason, message, _)] = run.refused
    return reason, message


def full_disk(folder: Path, server: RunningServer) -> Said | None:
    async def written() -> Said:
        async with running(folder / "data", min_free_bytes=2**62) as store:
            with pytest.raises(Exhausted) as caught:
                await store.create_collection(small())
        return caught.value.reason, caught.value.message

    return asyncio.run(written())


def no_room_to_optimize(folder: Path, server: RunningServer) -> Said | None:
    async def asked() -> Said:
        free = shutil.disk_usage(folder).free
        async with running(folder / "data", min_free_bytes=free - 100 * 2**20) as store:
            await store.create_collection(small())
            with pytest.raises(Exhausted) as caught:
                await store.optimize("things")
        return caught.value.reason, caught.value.message

    return asyncio.run(asked())


def optimized_by_qdrant(folder: Path, server: RunningServer) -> Said | None:
    async def asked() -> Said:
        with FaultyQdrant() as faulty:
            faulty.metadata = described(MADE)
            async with opened(faulty.port) as store:
                with pytest.raises(WrongState) as caught:
                    await QdrantOptimizer(store).optimize("things")
                with pytest.raises(NotFound):
                    await QdrantOptimizer(store).optimize("none")
        return caught.value.reason, caught.value.message

    return asyncio.run(asked())


def refused_by_qdrant(fault: Fault) -> Said:
    """What a search is refused with where the store is a Qdrant server with this fault."""

    async def asked() -> Said:
        with FaultyQdrant() as faulty:
            faulty.metadata = described(MADE)
            faulty.faults = {"Points/QueryBatch": fault}
            async with opened(faulty.port) as store:
                with pytest.raises(TriptychError) as caught:
                    await store.query("things", [LegQuery("image", dense(1), 500)])
        return caught.value.reason, caught.value.message

    return asyncio.run(asked())


def rate_limit(folder: Path, server: RunningServer) -> Said | None:
    trailers = (("retry-after", "7"),)
    return refused_by_qdrant(Fault(grpc.StatusCode.RESOURCE_EXHAUSTED, trailers=trailers))


def strict_mode(folder: Path, server: RunningServer) -> Said | None:
    words = 'Bad request: Limit exceeded 500 > 100 for "limit". Help: Reduce the "limit"'
    return refused_by_qdrant(Fault(grpc.StatusCode.INVALID_ARGUMENT, words))


# What no single request to a server in good order can cause. The last nine are caused in the part
# of the server that says it: they would need a defect, a stop at the right moment, a full disk, a
# machine that starts no process or has no memory left, and a Qdrant server, one that its operator
# limits.
OTHERWISE: dict[str, Callable[[Path, RunningServer], Said | None]] = {
    "REQUEST_MALFORMED": malformed,
    "DEADLINE_TOO_SHORT": short_deadline,
    "OCR_UNAVAILABLE": without_tesseract,
    "MODEL_MISMATCH": another_model,
    "QUEUE_FULL": full_queue,
    "MESSAGE_TOO_LARGE": large_answer,
    "STORE_UNAVAILABLE": killed_engine,
    "IMAGE_NOT_KEPT": other_variant,
    "ITEM_HAS_NO_IMAGE": no_picture,
    "IMAGE_LOST": lost_picture,
    "API_KEY_INVALID": without_key,
    "INTERNAL": defect,
    "SHUTTING_DOWN": closed_store,
    "STORE_FULL": full_disk,
    "DECODER_UNAVAILABLE": lost_decoder,
    "ENCODER_MEMORY": little_memory,
    "STORE_BUSY": rate_limit,
    "STORE_STRICT_MODE": strict_mode,
    "OPTIMIZE_UNSUPPORTED": optimized_by_qdrant,
    "OPTIMIZE_NEEDS_DISK": no_room_to_optimize,
}


def test_every_reason_has_an_example_that_is_caused() -> None:
    without = [reason for reason, example in EXAMPLES.items() if example is None]
    assert without == ["UNSPECIFIED"]
    assert sorted(EXAMPLES) == sorted([*without, *CAUSES, *OTHERWISE])


@pytest.mark.parametrize("reason", CAUSES)
def test_an_example_is_what_a_request_is_answered_with(call: Stubs, reason: str) -> None:
    compare(reason, said(lambda: call(CAUSES[reason])))


@pytest.mark.parametrize("reason", OTHERWISE)
def test_an_example_is_what_the_server_says(
    server: RunningServer, tmp_path: Path, reason: str
) -> None:
    compare(reason, OTHERWISE[reason](tmp_path, server))


def compare(reason: str, found: Said | None) -> None:
    assert found is not None, "nothing was refused"
    assert found[0] == reason
    example = EXAMPLES[reason]
    assert example is not None
    assert fits(example, found[1]), f"the server says: {found[1]}\nthe example is: {example}"


def test_an_example_of_other_words_does_not_fit() -> None:
    example = "limit: is too large (got 5, allowed 1, 2, ...); no 'pictures'"
    assert fits(example, "limit: is too large (got 5, allowed 1, 2, 3); no 'album'")
    for message in (
        "limit: is too large (got 6, allowed 1, 2, 3); no 'album'",
        "limit: is too large (got 5, allowed 1, 2, 3); no 'album' here",
        "the limit: is too large (got 5, allowed 1, 2, 3); no 'album'",
    ):
        assert not fits(example, message)
