"""The client on a real channel, against a server that has the faults of the test."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import distributions

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Value

from tests.client.service import Service, aborts, gives, refuses
from triptych import (
    AlreadyExists,
    ArgumentError,
    Client,
    Collection,
    DeadlineExceeded,
    FailedPrecondition,
    Field,
    Filter,
    InvalidArgument,
    Item,
    NotFound,
    PayloadField,
    ResourceExhausted,
    TriptychError,
    Unavailable,
    UpsertOutcome,
    leg,
)
from triptych._contract import SERVICES, repeatable_methods
from triptych.v1.collection_service_pb2 import (
    CreateCollectionRequest,
    CreateCollectionResponse,
    ListCollectionsResponse,
)
from triptych.v1.filter_pb2 import Condition, FieldCondition
from triptych.v1.item_service_pb2 import (
    DeleteItemsRequest,
    ListItemsRequest,
    ListItemsResponse,
    UpsertItemsRequest,
    UpsertItemsResponse,
)
from triptych.v1.search_service_pb2 import (
    Fusion,
    QueryInput,
    ReciprocalRank,
    SearchRequest,
    SearchResponse,
    VectorQuery,
)
from triptych.v1.status_service_pb2 import GetStatusResponse

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
# Empty where the client is used from its source.
VERSION = next((f"/{found.version}" for found in distributions(name="triptych")), "")


def created(request: Message, context: grpc.ServicerContext) -> UpsertItemsResponse:
    """Every item as a CREATED outcome."""
    assert isinstance(request, UpsertItemsRequest)
    return UpsertItemsResponse(
        outcomes=[
            UpsertOutcome(index=index, id=item.id, result=UpsertOutcome.RESULT_CREATED)
            for index, item in enumerate(request.items)
        ]
    )


def test_every_call_has_a_request_id_of_its_own_and_the_client_s_headers(service: Service) -> None:
    with Client(service.address, metadata=[("x-team", "search")]) as client:
        client.status()
        client.status()
    first, second = (call.metadata for call in service.calls)
    assert first["x-team"] == second["x-team"] == "search"
    assert len(str(first["x-request-id"])) == 32
    assert first["x-request-id"] != second["x-request-id"]
    assert str(first["user-agent"]).startswith(f"triptych-python{VERSION} ")


def test_a_request_id_of_the_caller_s_is_kept_and_told_with_an_error(service: Service) -> None:
    service.on("GetStatus", aborts(grpc.StatusCode.INTERNAL, "boom"))
    with (
        Client(service.address, metadata=[("x-request-id", "mine")]) as client,
        pytest.raises(TriptychError) as caught,
    ):
        client.status()
    assert service.calls[0].metadata["x-request-id"] == caught.value.request_id == "mine"


def test_a_status_that_a_retry_does_not_mend_is_not_retried(service: Service) -> None:
    service.on("GetStatus", aborts(grpc.StatusCode.RESOURCE_EXHAUSTED), gives(GetStatusResponse()))
    with service.client() as client, pytest.raises(ResourceExhausted):
        client.status()
    assert len(service.calls) == 1


def test_retries_come_to_an_end(service: Service) -> None:
    service.on("GetStatus", refuses(UNAVAILABLE, "STORE_UNAVAILABLE", "down", retry_after_s=0.5))
    with service.client() as client, pytest.raises(Unavailable) as caught:
        client.status()
    assert len(service.calls) == 5
    assert (caught.value.reason, caught.value.retry_after_s) == ("STORE_UNAVAILABLE", 0.5)


def test_the_methods_that_are_repeated_are_those_that_the_contract_says() -> None:
    once = {method.full_name for service in SERVICES for method in service.methods} - {
        f"{service}.{method}" for service, method in repeatable_methods()
    }
    assert once == {"triptych.v1.CollectionService.CreateCollection"}


def test_all_services_are_known_to_the_retries() -> None:
    from google.protobuf import descriptor_pool

    names = ("Collection", "Encode", "Item", "Search", "Status")
    pool = descriptor_pool.Default()
    found = {pool.FindServiceByName(f"triptych.v1.{name}Service").full_name for name in names}
    assert {service.full_name for service in SERVICES} == found


@contextmanager
def slow(service: Service) -> Iterator[None]:
    """`GetStatus` does not answer before the block ends."""
    done = threading.Event()

    def wait(request: Message, context: grpc.ServicerContext) -> GetStatusResponse:
        done.wait(30)
        return GetStatusResponse()

    service.on("GetStatus", wait)
    try:
        yield
    finally:
        done.set()


def test_a_late_answer_is_a_deadline_exceeded(service: Service) -> None:
    with (
        service.client(timeout=20) as client,
        slow(service),
        pytest.raises(DeadlineExceeded, match=r"no answer from 127\.0\.0\.1:\d+ within 0\.1 s"),
    ):
        client.status(timeout=0.1)


def test_the_client_s_own_timeout_is_the_default(service: Service) -> None:
    with service.client(timeout=0.1) as client, slow(service), pytest.raises(DeadlineExceeded):
        client.status()


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan")])
def test_there_is_no_call_without_a_deadline(timeout: float) -> None:
    with pytest.raises(ArgumentError, match="timeout: needs a number of seconds above 0"):
        Client("127.0.0.1:1", timeout=timeout)
    with Client("127.0.0.1:1") as client, pytest.raises(ArgumentError, match="timeout"):
        client.status(timeout=timeout)


def test_nobody_there() -> None:
    with Client("127.0.0.1:1") as client, pytest.raises(Unavailable) as caught:
        client.status()
    assert "can't reach a server at 127.0.0.1:1" in caught.value.message
    assert "is it running, with plaintext and not TLS?" in caught.value.message
    assert "Connection refused" in caught.value.message


def test_tls_to_a_plaintext_server(service: Service) -> None:
    credentials = grpc.ssl_channel_credentials()
    with (
        Client(service.address, credentials=credentials) as client,
        pytest.raises(Unavailable, match=r"is it running, with TLS and not plaintext\?"),
    ):
        client.status()


def test_a_refusal_with_all_its_details(service: Service) -> None:
    violation = (
        "vectors[1].weight",
        "WEIGHT_NEGATIVE",
        "is negative (got -0.5, allowed 0 to 1000)",
    )
    code = grpc.StatusCode.INVALID_ARGUMENT
    service.on("Search", refuses(code, "WEIGHT_NEGATIVE", "m", violations=[violation]))
    with service.client() as client, pytest.raises(InvalidArgument) as caught:
        client.search("pictures", text="a", weights={"image": -0.5})
    assert not isinstance(caught.value, ArgumentError)
    [found] = caught.value.violations
    assert (found.field, found.reason, found.description) == violation
    assert isinstance(caught.value.__cause__, grpc.RpcError)


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (grpc.StatusCode.NOT_FOUND, "COLLECTION_NOT_FOUND", NotFound),
        (grpc.StatusCode.ALREADY_EXISTS, "COLLECTION_EXISTS", AlreadyExists),
        (grpc.StatusCode.FAILED_PRECONDITION, "ENCODER_UNKNOWN", FailedPrecondition),
    ],
)
def test_refusals_of_the_other_kinds(
    service: Service, code: grpc.StatusCode, reason: str, kind: type[TriptychError]
) -> None:
    service.on("CreateCollection", refuses(code, reason, "m", metadata={"collection": "p"}))
    with service.client() as client, pytest.raises(kind) as caught:
        client.create_collection("p")
    assert (caught.value.reason, caught.value.metadata) == (reason, {"collection": "p"})


def test_an_answer_that_the_client_finds_too_large(service: Service) -> None:
    service.on("GetStatus", gives(GetStatusResponse(version="x" * 200_000)))
    with (
        Client(service.address, max_message_bytes=100_000) as client,
        pytest.raises(ResourceExhausted, match="max_message_bytes is 100000") as caught,
    ):
        client.status()
    assert caught.value.reason == "MESSAGE_TOO_LARGE"


def test_an_answer_above_grpc_s_own_default_limit_passes(service: Service) -> None:
    service.on("GetStatus", gives(GetStatusResponse(version="x" * (8 * 1024 * 1024))))
    with service.client() as client:
        assert len(client.status().version) == 8 * 1024 * 1024


def test_a_closed_client_says_so(service: Service) -> None:
    client = service.client()
    client.close()
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.status()


def test_the_request_of_a_collection(service: Service) -> None:
    made = CreateCollectionResponse(collection=Collection(id="p"))
    service.on("CreateCollection", gives(made))
    with service.client() as client:
        fields: dict[str, str | PayloadField.Type.ValueType] = {
            "price": "float",
            "sold": PayloadField.TYPE_BOOL,
        }
        assert client.create_collection("p", payload_fields=fields, language="de").id == "p"
        with pytest.raises(ArgumentError, match="allowed keyword, integer, float, bool"):
            client.create_collection("p", payload_fields={"price": "double"})
    [request] = service.requests(CreateCollectionRequest)
    assert request == CreateCollectionRequest(
        collection_id="p",
        payload_fields=[
            PayloadField(name="price", type=PayloadField.TYPE_FLOAT),
            PayloadField(name="sold", type=PayloadField.TYPE_BOOL),
        ],
        language="de",
    )


def test_pages_are_fetched_when_they_are_reached(service: Service) -> None:
    pages = [
        ListItemsResponse(items=[Item(id="a"), Item(id="b")], next_page_token="t1"),
        ListItemsResponse(next_page_token="t2"),
        ListItemsResponse(items=[Item(id="c")]),
    ]
    service.on("ListItems", *map(gives, pages))
    with service.client() as client:
        found = client.list_items(
            "p", page_size=2, where=Field("price") < 5, payload_keys=["price"]
        )
        assert not service.calls
        assert next(found).id == "a"
        assert len(service.calls) == 1
        assert [item.id for item in found] == ["b", "c"]
    requests = service.requests(ListItemsRequest)
    assert [request.page_token for request in requests] == ["", "t1", "t2"]
    assert {(request.page_size, *request.payload_keys) for request in requests} == {(2, "price")}
    assert all(request.filter.must for request in requests)


def test_collections_are_paged_too(service: Service) -> None:
    pages = [
        ListCollectionsResponse(collections=[Collection(id="a")], next_page_token="t"),
        ListCollectionsResponse(collections=[Collection(id="b")]),
    ]
    service.on("ListCollections", *map(gives, pages))
    with service.client() as client:
        assert [collection.id for collection in client.list_collections()] == ["a", "b"]


def test_the_request_of_a_search(service: Service) -> None:
    service.on("Search", gives(SearchResponse()))
    with service.client() as client:
        client.search("p", text="a")
        client.search(
            "p",
            vectors=[leg("image", item_id="x", weight=2)],
            where=Field("price") == 5,
            k=60,
            limit=3,
            return_fields=["caption"],
            payload_keys=["price"],
        )
        client.search("p", text="a", where=Filter())
        client.search("p", text="a", where="price < 20")
    plain, full, empty, written = service.requests(SearchRequest)
    assert plain == SearchRequest(collection_id="p", input=QueryInput(text="a"))
    price = FieldCondition(name="price", equals=Value(number_value=5))
    assert full == SearchRequest(
        collection_id="p",
        vectors=[VectorQuery(vector_name="image", weight=2, input=QueryInput(item_id="x"))],
        fusion=Fusion(reciprocal_rank=ReciprocalRank(k=60)),
        filter=Filter(must=[Condition(field=price)]),
        limit=3,
        return_fields=["caption"],
        payload_keys=["price"],
    )
    assert empty.HasField("filter")
    assert written.filter == Filter(expression="price < 20")


def test_the_request_of_a_deletion(service: Service) -> None:
    with service.client() as client:
        client.delete_items("p", ids=["a", "b"])
        client.delete_items("p", where=Field("price") < 5)
        client.delete_items("p", all=True)
        for nothing in ("", " "):
            with pytest.raises(ArgumentError, match="where: is empty"):
                client.delete_items("p", where=nothing)
    by_id, by_filter, everything = service.requests(DeleteItemsRequest)
    assert list(by_id.ids) == ["a", "b"]
    assert not by_id.HasField("filter")
    assert by_filter.HasField("filter")
    assert everything == DeleteItemsRequest(collection_id="p", all=True)


@pytest.mark.parametrize(
    ("call", "path"),
    [
        (lambda c: c.get_item("p", "\ud800"), "item_id"),
        (lambda c: c.get_item(7, "a"), "collection_id"),
        (lambda c: c.get_item("p", "a", return_fields="caption"), "return_fields"),
        (lambda c: c.list_items("p", payload_keys=["a", "\udfff"]), "payload_keys[1]"),
        (lambda c: c.delete_items("p", ids="abc"), "ids"),
        (lambda c: c.search("p", text="\ud800"), "input.text"),
        (lambda c: c.search("p", image="cat.jpg"), "input.image"),
        (lambda c: c.encode(texts="abc"), "texts"),
        (lambda c: c.encode(images=b"abc"), "images"),
        (lambda c: c.upsert("p", [], batch_size=257), "batch_size"),
        (lambda c: c.upsert("p", [], ocr="never"), "ocr.mode"),
    ],
)
def test_what_can_t_be_sent_is_refused_before_it_is(
    service: Service, call: Callable[[Client], object], path: str
) -> None:
    with service.client() as client, pytest.raises(ArgumentError) as caught:
        call(client)
    assert caught.value.violations[0].field == path
    assert not service.calls
