"""Server reflection, v1alpha and v1, so that grpcurl and buf curl need no files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc

V1 = "grpc.reflection.v1.ServerReflection"


def add_reflection(server: grpc.aio.Server, services: Sequence[str]) -> None:
    """Registers reflection for ``services`` under both of its names.

    grpcio-reflection knows v1alpha alone; v1 has the same messages under another name, so the one
    servicer answers both.
    """
    names = (*services, reflection.SERVICE_NAME, V1)
    servicer = reflection.aio.ReflectionServicer(service_names=names)
    add: Any = reflection_pb2_grpc.add_ServerReflectionServicer_to_server  # has no types
    add(servicer, server)
    handler: grpc.RpcMethodHandler[Any, Any] = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    generic = grpc.method_handlers_generic_handler(V1, {"ServerReflectionInfo": handler})
    server.add_generic_rpc_handlers((generic,))
