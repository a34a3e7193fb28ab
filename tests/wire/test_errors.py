"""Domain errors as statuses, and the contract's enums against the domain's."""

from __future__ import annotations

from dataclasses import fields

import pytest
from google.rpc import error_details_pb2

from triptych.v1.common_pb2 import Warning as WarningMessage
from triptych.v1.error_reason_pb2 import ErrorReason
from triptych.v1.item_pb2 import Ocr
from triptych.v1.status_service_pb2 import Limits as LimitsMessage
from triptych_server.domain.errors import (
    Exhausted,
    InvalidInput,
    NotFound,
    Reason,
    Unavailable,
    WrongState,
    clip,
    violation,
)
from triptych_server.domain.items import OcrState, WarningCode
from triptych_server.domain.limits import Limits
from triptych_server.wire.errors import to_status


def _unpack(status: object, kind: type) -> object:
    found = kind()
    for detail in status.details:  # type: ignore[attr-defined]
        if detail.Unpack(found):
            return found
    raise AssertionError(f"no {kind.__name__}")


def test_reasons_are_those_of_the_contract() -> None:
    contract = {name.removeprefix("ERROR_REASON_") for name in ErrorReason.keys()}  # noqa: SIM118
    assert contract - {"UNSPECIFIED"} == {reason.value for reason in Reason}


def test_warnings_and_states_are_those_of_the_contract() -> None:
    codes = {name.removeprefix("CODE_") for name in WarningMessage.Code.keys()}  # noqa: SIM118
    assert codes - {"UNSPECIFIED"} == {code.value for code in WarningCode}
    states = {name.removeprefix("STATE_") for name in Ocr.State.keys()}  # noqa: SIM118
    assert states - {"UNSPECIFIED"} == {state.value for state in OcrState}


def test_limits_are_those_of_the_contract() -> None:
    contract = {field.name for field in LimitsMessage.DESCRIPTOR.fields}
    assert contract == {field.name for field in fields(Limits)}


def test_every_violation_travels() -> None:
    found = [violation("a.b", Reason.ID_EMPTY, "is empty"), violation("c", Reason.ITEM_EMPTY, "x")]
    status = to_status(InvalidInput(found))
    assert status.code == 3
    assert status.message == "a.b: is empty (and 1 more)"
    bad = _unpack(status, error_details_pb2.BadRequest)
    assert [(v.field, v.reason) for v in bad.field_violations] == [  # type: ignore[attr-defined]
        ("a.b", "ID_EMPTY"),
        ("c", "ITEM_EMPTY"),
    ]


@pytest.mark.parametrize("letter", ["x", "ü", "🎈"])
def test_a_thousand_violations_fit_the_metadata(letter: str) -> None:
    long = letter * 5000
    found = [
        violation(f"items[{n}].{long}", Reason.FIELD_INVALID, "is wrong", got=long)
        for n in range(1000)
    ]
    status = to_status(InvalidInput(found))
    bad = _unpack(status, error_details_pb2.BadRequest)
    listed = len(bad.field_violations)  # type: ignore[attr-defined]
    assert 2 < listed <= 20
    last = bad.field_violations[-1].description  # type: ignore[attr-defined]
    assert last.endswith(f"and {1000 - listed} more violations")
    # In metadata it is base64, a third longer.
    assert status.ByteSize() * 4 / 3 < 8000


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (
            WrongState(Reason.MODEL_MISMATCH, "m", subject="s"),
            error_details_pb2.PreconditionFailure,
        ),
        (
            NotFound(Reason.ITEM_NOT_FOUND, "m", kind="item", name="a"),
            error_details_pb2.ResourceInfo,
        ),
        (Exhausted(Reason.QUEUE_FULL, "m", retry_after_s=1.5), error_details_pb2.RetryInfo),
        (Unavailable(Reason.STORE_UNAVAILABLE, "m"), error_details_pb2.RetryInfo),
    ],
)
def test_details_by_kind(error: object, kind: type) -> None:
    status = to_status(error)  # type: ignore[arg-type]
    _unpack(status, kind)
    info = _unpack(status, error_details_pb2.ErrorInfo)
    assert info.domain == "triptych"  # type: ignore[attr-defined]
    assert info.reason in Reason.__members__  # type: ignore[attr-defined]


def test_values_are_clipped_and_printable() -> None:
    assert len(clip("x" * 1000)) == 64
    assert clip("a\nb\x00") == "a?b?"
