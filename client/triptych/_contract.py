"""The services of the contract, and what it says of their methods."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message import Message

from triptych.v1 import (
    collection_service_pb2,
    encode_service_pb2,
    item_service_pb2,
    search_service_pb2,
    status_service_pb2,
)

SERVICES: Sequence[ServiceDescriptor] = tuple(
    service
    for file in (
        collection_service_pb2,
        encode_service_pb2,
        item_service_pb2,
        search_service_pb2,
        status_service_pb2,
    )
    for service in file.DESCRIPTOR.services_by_name.values()
)

# Every method has a request of its own, so that a request names its method.
_METHODS: Mapping[str, MethodDescriptor] = MappingProxyType(
    {method.input_type.full_name: method for service in SERVICES for method in service.methods}
)
_REPEATABLE = (MethodOptions.NO_SIDE_EFFECTS, MethodOptions.IDEMPOTENT)


def is_repeatable(request: Message) -> bool:
    """Whether the method of this request may be called twice, as the contract's own option says."""
    return _may_be_repeated(_METHODS[request.DESCRIPTOR.full_name])


def repeatable_methods(services: Iterable[ServiceDescriptor] = SERVICES) -> list[tuple[str, str]]:
    """The (service, method) pairs that may be called twice."""
    return [
        (service.full_name, method.name)
        for service in services
        for method in service.methods
        if _may_be_repeated(method)
    ]


def _may_be_repeated(method: MethodDescriptor) -> bool:
    return method.GetOptions().idempotency_level in _REPEATABLE
