"""The command as the tests run it, against a server whose answers they set."""

import grpc
import pytest
from google.protobuf.message import Message

from tests.client.service import Service, rich_status
from triptych import Collection, UpsertOutcome, VectorSpace
from triptych.cli.app import run
from triptych.v1.item_service_pb2 import UpsertItemsRequest, UpsertItemsResponse

Captured = pytest.CaptureFixture[str]

PICTURES = Collection(
    id="pictures",
    language="en",
    vector_spaces=[
        VectorSpace(name="image", sources=[VectorSpace.SOURCE_IMAGE], kind=VectorSpace.KIND_DENSE),
        VectorSpace(name="ocr", sources=[VectorSpace.SOURCE_OCR_TEXT], kind=VectorSpace.KIND_MULTI),
        VectorSpace(
            name="terms", sources=[VectorSpace.SOURCE_CAPTION], kind=VectorSpace.KIND_SPARSE
        ),
        VectorSpace(name="audio", sources=[VectorSpace.SOURCE_SUPPLIED], dimension=4),
    ],
)


def command(service: Service, *arguments: str) -> int:
    return run(["--server", service.address, *arguments])


def outcomes(request: Message, context: grpc.ServicerContext) -> UpsertItemsResponse:
    """CREATED with a warning for every item, but FAILED for `3.png`."""
    assert isinstance(request, UpsertItemsRequest)
    response = UpsertItemsResponse()
    for index, item in enumerate(request.items):
        outcome = response.outcomes.add(
            index=index, id=item.id, result=UpsertOutcome.RESULT_CREATED
        )
        outcome.warnings.add(code=2, message="transparent parts were laid on white")
        if item.id == "3.png":
            outcome.result = UpsertOutcome.RESULT_FAILED
            path = f"items[{index}].image.data"
            violation = (path, "IMAGE_TRUNCATED", "the file ends before the picture does")
            status = rich_status(
                grpc.StatusCode.INVALID_ARGUMENT, "IMAGE_TRUNCATED", "m", violations=[violation]
            )
            outcome.error.CopyFrom(status)
    return response


def one_line(captured: Captured) -> str:
    [line] = captured.readouterr().err.splitlines()
    assert line.startswith("triptych: ")
    return line
