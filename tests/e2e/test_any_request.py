"""No request that the contract allows is answered UNKNOWN or INTERNAL; a good one works after."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from grpc_status import rpc_status
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.any_message import any_message
from tests.support.panels import draw_words
from tests.support.server import RunningServer
from triptych import Client, Collection, make_item
from triptych.v1 import (
    collection_service_pb2,
    encode_service_pb2,
    item_service_pb2,
    search_service_pb2,
    status_service_pb2,
)
from triptych_server.app import SERVICES

SOAK = os.environ.get("TRIPTYCH_SOAK") == "1"
EXAMPLES = 2000 if SOAK else 60
FILES = (
    collection_service_pb2,
    encode_service_pb2,
    item_service_pb2,
    search_service_pb2,
    status_service_pb2,
)
METHODS: dict[str, MethodDescriptor] = {
    method.full_name: method
    for file in FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
FAULTS_OF_THE_CALLER = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}
COLLECTION = "fuzz"
KNOWN = [COLLECTION, "good"]
PICTURE = draw_words(["FUZZ"], width=64, height=64)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of its own: what is thrown at it may remove anything."""
    with RunningServer(tmp_path_factory.mktemp("fuzz") / "data") as server:
        yield server
        assert server.stop() == 0
        assert "unforeseen" not in server.log, server.log


def test_every_method_is_thrown_at() -> None:
    """All that the server has, GetItemImage's stream among them."""
    ours = {name for name in METHODS if name.rpartition(".")[0] in SERVICES}
    assert ours == set(METHODS)
    assert {name.rpartition(".")[0] for name in METHODS} == set(SERVICES)
    assert "triptych.v1.ItemService.GetItemImage" in METHODS


@pytest.mark.soak
@pytest.mark.timeout(3600 if SOAK else 120)
@pytest.mark.parametrize("name", METHODS)
def test_any_request(fuzzed: RunningServer, name: str) -> None:
    method = METHODS[name]
    path = f"/{method.containing_service.full_name}/{method.name}"
    with fuzzed.client() as client, grpc.insecure_channel(fuzzed.address) as channel:
        shape = channel.unary_stream if method.server_streaming else channel.unary_unary
        call: Any = shape(
            path,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        @given(data=st.data())
        def throw(data: st.DataObject) -> None:
            request: Any = data.draw(any_message(method.input_type, KNOWN, [PICTURE]))
            if hasattr(request, "collection_id") and data.draw(st.booleans()):
                request.collection_id = COLLECTION
            try:
                answer = call(request, timeout=20)
                answer = list(answer) if method.server_streaming else answer
            except grpc.RpcError as error:
                check_error(error)
            else:
                check_outcomes(answer)
            check_good(client)

        throw()


def check_error(error: Any) -> None:
    assert error.code() in FAULTS_OF_THE_CALLER, (error.code(), error.details())
    status = rpc_status.from_call(error)
    assert status is not None, "an error without its details"
    assert any(detail.TypeName() == "google.rpc.ErrorInfo" for detail in status.details)
    assert error.details().isprintable(), "a log has it in one line"


def check_outcomes(answer: Any) -> None:
    """The error of an item, or of a search of a batch, is its caller's fault, too."""
    codes = {code.value[0] for code in FAULTS_OF_THE_CALLER}
    for outcome in (*getattr(answer, "outcomes", ()), *getattr(answer, "results", ())):
        assert not outcome.error.code or outcome.error.code in codes, outcome
        assert outcome.error.message.isprintable()


def check_good(client: Client) -> None:
    if COLLECTION not in {made.id for made in client.list_collections()}:
        client.create_collection(COLLECTION)
    good = make_item("good", image=PICTURE, caption="a good one")
    client.upsert(COLLECTION, [good], ocr="skip")
    assert client.get_item(COLLECTION, "good").caption == "a good one"
    if client.get_collection(COLLECTION).image_retention != Collection.IMAGE_RETENTION_NONE:
        assert client.get_item_image(COLLECTION, "good", variant="thumbnail").data
