"""A server in Qdrant's place that fails as it is told to: no Qdrant, but Qdrant's faults.

It speaks gRPC on a real port and keeps nothing. Unless told otherwise it says its version, lists no
collection, describes the one that it was given, and takes every write.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import grpc
from qdrant_client import grpc as q
from qdrant_client.conversions.conversion import RestToGrpc


@dataclass(frozen=True, slots=True)
class Fault:
    """The status that a method ends with, and its trailing metadata."""

    code: grpc.StatusCode
    text: str = "upstream words: /qdrant/storage/secret"
    trailers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """A call that came in: ``Points/Upsert`` and the like, the message's bytes, its headers."""

    method: str
    request: bytes
    headers: Mapping[str, str]


class FaultyQdrant(grpc.GenericRpcHandler):
    """A context manager. ``faults`` and ``silent`` go by names like ``Points/Upsert``."""

    def __init__(self, port: int = 0, *, version: str = "1.20.0") -> None:
        self.version = version
        self.faults: dict[str, Fault] = {}
        self.metadata: dict[str, Any] = {}
        self.replicas = 1
        self.status: q.UpdateStatus.ValueType = q.UpdateStatus.Completed
        self.seen: list[Seen] = []
        # Methods that never answer, and what is set once their caller has gone away.
        self.silent: set[str] = set()
        self.abandoned = threading.Event()
        self._server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers((self,))
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")

    @property
    def methods(self) -> list[str]:
        """The calls that came in, without those of the watch."""
        watched = {"Qdrant/HealthCheck", "Collections/List"}
        return [seen.method for seen in self.seen if seen.method not in watched]

    def stop(self) -> None:
        """Close the port and every connection."""
        self.abandoned.set()
        self._server.stop(None).wait()

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def service(self, handler_call_details: Any) -> grpc.RpcMethodHandler[Any, Any]:
        """A handler for whatever is called: messages stay bytes."""
        method = handler_call_details.method.removeprefix("/qdrant.")
        headers = dict(handler_call_details.invocation_metadata)

        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            self.seen.append(Seen(method, request, headers))
            if method in self.silent:
                context.add_callback(self.abandoned.set)
                self.abandoned.wait()
            fault = self.faults.get(method)
            if fault is not None:
                context.set_trailing_metadata(fault.trailers)
                context.abort(fault.code, fault.text)
            answer_bytes: bytes = self._answers[method]().SerializeToString()
            return answer_bytes

        return grpc.unary_unary_rpc_method_handler(answer)

    @property
    def _answers(self) -> dict[str, Callable[[], Any]]:
        written = q.UpdateResult(operation_id=1, status=self.status)
        done = q.PointsOperationResponse(result=written)
        metadata = RestToGrpc.convert_payload(self.metadata)
        params = q.CollectionParams(replication_factor=self.replicas)
        config = q.CollectionConfig(metadata=metadata, params=params)
        return {
            "Qdrant/HealthCheck": lambda: q.HealthCheckReply(title="q", version=self.version),
            "Collections/List": q.ListCollectionsResponse,
            "Collections/Get": lambda: q.GetCollectionInfoResponse(
                result=q.CollectionInfo(config=config)
            ),
            "Collections/Create": lambda: q.CollectionOperationResponse(result=True),
            "Collections/Update": lambda: q.CollectionOperationResponse(result=True),
            "Collections/Delete": lambda: q.CollectionOperationResponse(result=True),
            "Points/CreateFieldIndex": lambda: done,
            "Points/Upsert": lambda: done,
        }
