"""From statuses to exceptions."""

import ast
import pickle
import re
from pathlib import Path

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.rpc.status_pb2 import Status

import triptych
from tests.client.service import rich_status
from triptych import TriptychError, UpsertOutcome, Violation, error_of, errors
from triptych._status import from_status
from triptych.errors import argument_error
from triptych.v1.error_reason_pb2 import ErrorReason

KINDS = {
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidArgument,
    grpc.StatusCode.FAILED_PRECONDITION: errors.FailedPrecondition,
    grpc.StatusCode.NOT_FOUND: errors.NotFound,
    grpc.StatusCode.ALREADY_EXISTS: errors.AlreadyExists,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.ResourceExhausted,
    grpc.StatusCode.UNAVAILABLE: errors.Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceeded,
    grpc.StatusCode.UNIMPLEMENTED: errors.Unimplemented,
    grpc.StatusCode.DATA_LOSS: errors.DataLoss,
    grpc.StatusCode.INTERNAL: errors.Internal,
    grpc.StatusCode.UNAUTHENTICATED: errors.Unauthenticated,
}


@pytest.mark.parametrize("code", [c for c in grpc.StatusCode if c is not grpc.StatusCode.OK])
def test_every_code_has_its_exception(code: grpc.StatusCode) -> None:
    error = from_status(Status(code=code.value[0], message="m"))
    assert type(error) is KINDS.get(code, errors.UnexpectedStatus)
    assert (error.code, error.message, error.reason) == (code, "m", "")


def test_all_details_are_read() -> None:
    status = rich_status(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "QUEUE_FULL",
        "too much waits",
        violations=[("a", "LIMIT_INVALID", "is negative"), ("b", "", "is odd")],
        metadata={"incident": "5f0c"},
        retry_after_s=0.25,
    )
    error = from_status(status, request_id="r1")
    assert error.reason == "QUEUE_FULL"
    assert error.violations == (
        Violation("a", "LIMIT_INVALID", "is negative"),
        Violation("b", "", "is odd"),
    )
    assert error.retry_after_s == 0.25
    assert (error.incident_id, error.request_id) == ("5f0c", "r1")
    assert str(error) == "too much waits\n  - a: is negative\n  - b: is odd"


def test_details_of_strangers_are_left_out() -> None:
    status = rich_status(
        grpc.StatusCode.INTERNAL, "QUOTA", "m", domain="googleapis.com", metadata={"a": "b"}
    )
    url = "type.googleapis.com/google.rpc.BadRequest"
    status.details.append(Any(type_url=url, value=b"\xff\xff"))
    error = from_status(status)
    assert (error.reason, error.metadata, error.violations) == ("", {}, ())
    assert error.incident_id is None


def test_an_exception_survives_pickling() -> None:
    status = rich_status(grpc.StatusCode.ABORTED, "R", "m", violations=[("a", "b", "c")])
    error = from_status(status)
    back: TriptychError = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(back) is errors.UnexpectedStatus
    assert vars(back) == vars(error)
    assert back.code is grpc.StatusCode.ABORTED


def test_the_error_of_an_outcome() -> None:
    assert error_of(UpsertOutcome(result=UpsertOutcome.RESULT_CREATED)) is None
    status = rich_status(grpc.StatusCode.INVALID_ARGUMENT, "IMAGE_EMPTY", "0 bytes")
    error = error_of(UpsertOutcome(result=UpsertOutcome.RESULT_FAILED, error=status))
    assert isinstance(error, triptych.InvalidArgument)
    assert error.reason == "IMAGE_EMPTY"


def test_the_client_s_own_errors_speak_as_the_server_s_do() -> None:
    error = argument_error("a.b", "LIMIT_INVALID", "is odd", got="x" * 100, allowed="even")
    assert isinstance(error, ValueError)
    assert isinstance(error, triptych.InvalidArgument)
    assert error.message == f"a.b: is odd (got {'x' * 63}…, allowed even)"
    assert (
        str(argument_error("", "FIELD_INVALID", "is odd", got="\x1b[31m")) == "is odd (got ?[31m)"
    )


def test_the_tree_at_the_top_of_the_module_is_the_tree() -> None:
    assert errors.__doc__ is not None
    for name in errors.__all__:
        if name != "Violation":
            assert name in errors.__doc__


def reasons_in(source: Path) -> set[str]:
    """The reasons that a module gives to `argument_error` and `failed_outcome`."""
    calls = [
        node
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    return {
        str(argument.value)
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id in ("argument_error", "failed_outcome")
        for argument in (*call.args, *(k.value for k in call.keywords if k.arg == "reason"))
        if isinstance(argument, ast.Constant) and re.fullmatch("[A-Z_]{4,}", str(argument.value))
    }


def test_every_reason_that_the_client_gives_is_one_of_the_contract() -> None:
    sources = Path(triptych.__file__).parent.glob("*.py")
    given = set().union(*map(reasons_in, sources))
    assert len(given) > 8
    assert {f"ERROR_REASON_{reason}" for reason in given} <= set(ErrorReason.keys())
