"""Rules of the contract that buf has no check for."""

import importlib
from collections.abc import Iterator

import pytest
from google.protobuf.descriptor import (
    Descriptor,
    FieldDescriptor,
    FileDescriptor,
    MethodDescriptor,
)
from google.protobuf.descriptor_pb2 import MethodOptions

from tools.proto import generate


def files() -> Iterator[FileDescriptor]:
    for source in sorted((generate.PROTO / generate.PACKAGE).glob("*.proto")):
        yield importlib.import_module(f"triptych.v1.{source.stem}_pb2").DESCRIPTOR


def methods() -> list[MethodDescriptor]:
    return [
        method
        for file in files()
        for service in file.services_by_name.values()
        for method in service.methods
    ]


def fields() -> list[FieldDescriptor]:
    def below(message: Descriptor) -> Iterator[FieldDescriptor]:
        yield from message.fields
        for nested in message.nested_types:
            yield from below(nested)

    return [
        field
        for file in files()
        for message in file.message_types_by_name.values()
        for field in below(message)
    ]


def test_services_stand_in_files_named_for_them() -> None:
    """Only those files are given to the generator of the stubs."""
    for file in files():
        assert bool(file.services_by_name) == file.name.endswith("_service.proto"), file.name


@pytest.mark.parametrize("method", methods(), ids=lambda method: method.full_name)
def test_every_rpc_says_whether_repeating_it_is_safe(method: MethodDescriptor) -> None:
    """The client takes its retries from it."""
    assert method.GetOptions().HasField("idempotency_level")
    if method.containing_service.name == "SearchService":
        assert method.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS


def test_no_field_has_a_type_whose_json_form_surprises() -> None:
    """64-bit numbers become strings there, and a FieldMask rewrites the names in it."""
    assert len(fields()) > 100
    wide = {FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64}
    for field in fields():
        assert field.cpp_type not in wide, field.full_name
        message = field.message_type
        assert message is None or message.full_name != "google.protobuf.FieldMask", field.full_name
