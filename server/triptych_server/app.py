"""The one place that builds things: from settings to a server that runs, and back down again."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from triptych.v1 import (
    collection_service_pb2,
    collection_service_pb2_grpc,
    encode_service_pb2,
    encode_service_pb2_grpc,
    item_service_pb2,
    item_service_pb2_grpc,
    search_service_pb2,
    search_service_pb2_grpc,
    status_service_pb2,
    status_service_pb2_grpc,
)
from triptych_server.domain.api_keys import split_keys
from triptych_server.domain.optimization import Optimizer
from triptych_server.domain.ports import (
    Encoder,
    ImageIntake,
    Ocr,
    PictureStore,
    Terms,
    VectorStore,
)
from triptych_server.encode.catalogue import resolve_model
from triptych_server.encode.clip import load_encoder
from triptych_server.encode.intake import ProcessIntake
from triptych_server.encode.ocr_engine import open_ocr
from triptych_server.encode.terms import Bm25Terms
from triptych_server.rpc.access import read_api_keys, read_tls
from triptych_server.rpc.authentication import ApiKeys, Authentication
from triptych_server.rpc.boundary import Boundary
from triptych_server.rpc.collections import CollectionServicer
from triptych_server.rpc.encode import EncodeServicer
from triptych_server.rpc.items import ItemServicer
from triptych_server.rpc.listen import why_not
from triptych_server.rpc.reflection import add_reflection
from triptych_server.rpc.search import SearchServicer
from triptych_server.rpc.status import StatusServicer
from triptych_server.settings import Settings
from triptych_server.store.edge_store import EdgeStore
from triptych_server.store.pictures import Pictures
from triptych_server.store.qdrant_optimizer import QdrantOptimizer
from triptych_server.usecases.collections import Collections
from triptych_server.usecases.corridor import Corridor
from triptych_server.usecases.encode import Encode
from triptych_server.usecases.encoders import EncoderSet
from triptych_server.usecases.explain import Explain
from triptych_server.usecases.item_images import ItemImages
from triptych_server.usecases.items import Items
from triptych_server.usecases.locks import KeyLocks
from triptych_server.usecases.panels import PanelMaker
from triptych_server.usecases.picture_keeper import PictureKeeper
from triptych_server.usecases.picture_sweep import PictureSweep
from triptych_server.usecases.query_cache import QueryCache
from triptych_server.usecases.query_vectors import QueryVectors
from triptych_server.usecases.search import Search
from triptych_server.usecases.status import Status
from triptych_server.usecases.upsert import Upsert

log = logging.getLogger("triptych")

Opened = TypeVar("Opened")

SERVICES = tuple(
    module.DESCRIPTOR.services_by_name[name].full_name
    for module, name in (
        (collection_service_pb2, "CollectionService"),
        (item_service_pb2, "ItemService"),
        (search_service_pb2, "SearchService"),
        (encode_service_pb2, "EncodeService"),
        (status_service_pb2, "StatusService"),
    )
)


class App:
    """A running service. Use as ``async with App(settings) as app: await app.serve(stop)``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._health = health.aio.HealthServicer()
        self._tasks: set[asyncio.Task[None]] = set()
        self.address = ""

    async def __aenter__(self) -> Self:
        """Loads the encoders, opens the store and listens.

        Raises rpc.access.AccessProblem, encode.errors.StartupError, store.errors.StoreStartError,
        PicturesUnusable and OSError, all of them for the operator.
        """
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Lets go of everything, in the opposite order."""
        await self._stack.aclose()

    async def serve(self, stop: asyncio.Event) -> None:
        """Answers until ``stop`` is set, then drains: health first, then the running calls."""
        await stop.wait()
        log.info("stopping")
        await self._health.enter_graceful_shutdown()
        await asyncio.sleep(self._settings.drain_seconds)

    async def _start(self) -> None:
        settings = self._settings
        credentials, keys = self._read_access()
        # A model that has to be fetched is fetched first: that takes minutes, the rest a second.
        cache = settings.model_cache.expanduser()
        folders = [(name, resolve_model(spec, cache)) for name, spec in settings.encoder_specs]
        # Processes start on the other cores while the models are loaded.
        opening_store = self._begin(self._open_store())
        opening_intake = self._begin(self._open_intake())
        opening_ocr = self._begin(self._open_ocr())
        loading = self._begin(self._load_encoders(folders))
        store = await opening_store
        pictures = await Pictures.open(settings.pictures_place)
        self._stack.push_async_callback(pictures.close)
        terms = Bm25Terms()
        self._stack.callback(terms.close)
        encoders = await loading
        intake = await opening_intake
        ocr = await opening_ocr
        writers = KeyLocks()
        sweep = asyncio.create_task(PictureSweep(store, pictures, writers, now).run())
        self._stack.push_async_callback(_ended, sweep)
        server = self._make_server(keys)
        self._stack.push_async_callback(server.stop, settings.grace_seconds)
        self._add_services(server, store, pictures, writers, encoders, intake, ocr, terms)
        host = settings.listen.rpartition(":")[0]
        try:
            if credentials is None:
                port = server.add_insecure_port(settings.listen)
            else:
                port = server.add_secure_port(settings.listen, credentials)
        except RuntimeError:
            why = why_not(settings.listen)
            raise OSError(f"can't listen on {settings.listen}: {why}") from None
        self.address = f"{host}:{port}"
        await server.start()

    def _read_access(self) -> tuple[grpc.ServerCredentials | None, ApiKeys]:
        """TLS, and the keys that callers have to show. Raises AccessProblem."""
        settings, credentials = self._settings, None
        if settings.tls_certificate is not None:
            assert settings.tls_key is not None, "checked when the settings were read"
            tls = read_tls(settings.tls_certificate, settings.tls_key, settings.tls_client_ca)
            credentials = tls.credentials()
            log.info("TLS for %s, until %s", ", ".join(tls.names), tls.valid_until.date())
        of_file = read_api_keys(settings.api_keys_file) if settings.api_keys_file else ()
        keys = ApiKeys((*split_keys(settings.api_keys), *of_file))
        if keys:
            log.info("callers need an API key; keys known: %d", len(keys))
            if credentials is None and not is_loopback(settings.listen):
                log.warning(
                    "API keys cross the network unencrypted: %s is no loopback address, and "
                    "TRIPTYCH_TLS_CERTIFICATE is not set",
                    settings.listen,
                )
        return credentials, keys

    async def _open_intake(self) -> ImageIntake:
        settings = self._settings
        intake = await ProcessIntake.open(
            settings.limits,
            workers=settings.decode_worker_count,
            time_limit_ms=settings.decode_time_limit_ms,
            memory_bytes=settings.decode_memory,
        )
        self._stack.push_async_callback(intake.close)
        return intake

    def _begin(self, work: Coroutine[None, None, Opened]) -> asyncio.Task[Opened]:
        """Starts a part of the start, which is ended with the others where one of them fails."""
        task = asyncio.create_task(work)
        self._stack.push_async_callback(_ended, task)
        return task

    async def _open_ocr(self) -> Ocr:
        settings = self._settings
        ocr = await open_ocr(
            settings.ocr_engine,
            workers=settings.ocr_worker_count,
            default_language=settings.ocr_language,
        )
        self._stack.push_async_callback(ocr.close)
        if "ocr_language" in settings.model_fields_set:
            ocr.require(settings.ocr_language)
        return ocr

    async def _open_store(self) -> VectorStore:
        store = await self._opened_store()
        self._stack.push_async_callback(store.close)
        return store

    async def _opened_store(self) -> VectorStore:
        place = self._settings.store_place
        if isinstance(place, Path):
            return await EdgeStore.open(place, on_ready_change=self._follow_store)
        # Here, since the imports of Qdrant's client take over a second.
        from triptych_server.store.qdrant_store import QdrantStore

        return await QdrantStore.open(
            host=place.host,
            port=place.port,
            tls=place.tls,
            api_key=self._settings.qdrant_key,
            prefix=place.prefix,
            on_ready_change=self._follow_store,
        )

    async def _load_encoders(self, folders: Sequence[tuple[str, Path]]) -> list[Encoder]:
        settings = self._settings
        encoders: list[Encoder] = []
        for encoder_id, folder in folders:
            encoder = await asyncio.to_thread(
                load_encoder,
                encoder_id,
                folder,
                device=settings.device,
                threads=settings.thread_count,
                max_image_batch=settings.max_image_batch,
                max_text_batch=settings.max_text_batch,
                max_queue=settings.max_queue,
                decoding=settings.decoding,
                device_ids=settings.gpus,
                gpu_memory_bytes=settings.gpu_memory_bytes,
            )
            self._stack.push_async_callback(encoder.close)
            info = encoder.info
            log.info("encoder %s: %s %s on %s", info.id, info.name, info.revision, info.provider)
            encoders.append(encoder)
        return encoders

    def _make_server(self, keys: ApiKeys) -> grpc.aio.Server:
        limit = self._settings.max_message_bytes
        boundary = Boundary(limit, self._settings.max_bytes_in_flight)
        return grpc.aio.server(
            interceptors=[boundary, Authentication(keys)],
            options=[
                # A second server on the same port must fail, not share it.
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", limit),
                ("grpc.max_send_message_length", limit),
                ("grpc.server_handshake_timeout_ms", 10_000),
                ("grpc.max_connection_idle_ms", 900_000),
                # Keepalive finds peers that are gone; the ping timeout is what drops them.
                ("grpc.keepalive_time_ms", 60_000),
                ("grpc.keepalive_timeout_ms", 20_000),
                ("grpc.http2.ping_timeout_ms", 20_000),
                ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.max_concurrent_streams", 256),
            ],
        )

    def _add_services(
        self,
        server: grpc.aio.Server,
        store: VectorStore,
        pictures: PictureStore,
        writers: KeyLocks,
        encoders: Sequence[Encoder],
        intake: ImageIntake,
        ocr: Ocr,
        terms: Terms,
    ) -> None:
        settings, limits = self._settings, self._settings.limits
        known = EncoderSet(encoders, terms)
        keeper = PictureKeeper(store, pictures, writers)
        # Of the encoder that takes most at once: the batches that run, and the next ones.
        crops_in_flight = 2 * max(encoder.info.pictures_at_once for encoder in encoders)
        upsert = Upsert(
            store,
            known,
            PanelMaker(
                known,
                intake,
                ocr,
                pictures_in_flight=settings.pictures_in_flight,
                crops_in_flight=crops_in_flight,
            ),
            keeper,
            ocr,
            writers,
            items_at_once=crops_in_flight + settings.pictures_in_flight,
            ocr_time_limit_ms=settings.ocr_time_limit_ms,
            now=now,
        )
        # Room of their own: a query does not wait for the pictures that are being written.
        room = asyncio.Semaphore(settings.pictures_in_flight)
        cache = QueryCache(settings.query_cache_size, settings.query_cache_seconds, time.monotonic)
        query_vectors = QueryVectors(store, known, intake, room, cache)
        corridor = Corridor(store, known, query_vectors, limits)
        status = Status(version("triptych"), known, limits, store, pictures, ocr)
        optimizer: Optimizer = QdrantOptimizer(store)
        if isinstance(store, EdgeStore):
            optimizer = store
        collections = Collections(store, pictures, known, writers, now, optimizer)
        collection_service_pb2_grpc.add_CollectionServiceServicer_to_server(
            CollectionServicer(collections, limits), server
        )
        items, images = Items(store, keeper, writers), ItemImages(store, pictures)
        item_service_pb2_grpc.add_ItemServiceServicer_to_server(
            ItemServicer(upsert, items, images, limits), server
        )
        search_service_pb2_grpc.add_SearchServiceServicer_to_server(
            SearchServicer(Search(corridor), Explain(corridor, store), limits), server
        )
        encode_service_pb2_grpc.add_EncodeServiceServicer_to_server(
            EncodeServicer(Encode(known, intake, room), limits), server
        )
        status_service_pb2_grpc.add_StatusServiceServicer_to_server(StatusServicer(status), server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        if settings.reflection:
            add_reflection(server, (*SERVICES, health.SERVICE_NAME))

    def _follow_store(self, ready: bool) -> None:
        """Health follows the store: without it, nothing but GetStatus can be answered."""
        task = asyncio.create_task(self._set_health(ready))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _set_health(self, ready: bool) -> None:
        states = health_pb2.HealthCheckResponse
        state = states.SERVING if ready else states.NOT_SERVING
        # The empty name stands for the server as a whole.
        for name in ("", *SERVICES):
            await self._health.set(name, state)


async def _ended(task: asyncio.Task[Any]) -> None:
    """Cancels ``task`` and waits until it has ended."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def is_loopback(listen: str) -> bool:
    """Whether host:port is of this machine alone."""
    host = listen.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def now() -> datetime:
    """The clock that the use cases are given."""
    return datetime.now(UTC)
