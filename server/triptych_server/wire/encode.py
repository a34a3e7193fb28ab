"""EncodeService: requests into inputs, embeddings into messages."""

from __future__ import annotations

from triptych.v1 import encode_service_pb2 as pb
from triptych_server.domain.errors import Reason
from triptych_server.domain.items import Notice
from triptych_server.domain.limits import Limits
from triptych_server.domain.queries import ImageInput, TextInput
from triptych_server.usecases.encode import EncodeAnswer
from triptych_server.wire.common import (
    render_stamp,
    render_tokens,
    render_warnings,
)
from triptych_server.wire.texts import parse_text
from triptych_server.wire.vectors import render_dense
from triptych_server.wire.violations import Violations


def parse_encode(
    message: pb.EncodeRequest, limits: Limits
) -> tuple[tuple[TextInput | ImageInput, ...], tuple[Notice, ...]]:
    """The inputs, and what was done to their texts. Raises InvalidInput."""
    violations = Violations()
    notices: list[Notice] = []
    count = len(message.inputs)
    if not count:
        violations.add("inputs", Reason.QUERY_EMPTY, "holds nothing to encode")
    if count > limits.max_encode_inputs:
        violations.add(
            "inputs",
            Reason.LIMIT_TOO_LARGE,
            "too many",
            got=count,
            allowed=limits.max_encode_inputs,
        )
    inputs: list[TextInput | ImageInput] = []
    for place, given in enumerate(message.inputs[: limits.max_encode_inputs]):
        path = f"inputs[{place}]"
        kind = given.WhichOneof("input")
        if kind == "text":
            text = parse_text(given.text, limits, violations, f"{path}.text", notices)
            inputs.append(TextInput(text))
        elif kind == "image":
            if not given.image.data:
                violations.add(f"{path}.image.data", Reason.IMAGE_EMPTY, "0 bytes")
            inputs.append(ImageInput(given.image.data))
        else:
            violations.add(path, Reason.QUERY_EMPTY, "set one of text, image")
    violations.raise_if_any()
    return tuple(inputs), tuple(notices)


def render_encode(answer: EncodeAnswer, notices: tuple[Notice, ...]) -> pb.EncodeResponse:
    """One embedding for each input, in order."""
    seen = [notice for made in answer.embeddings for notice in made.notices]
    return pb.EncodeResponse(
        embeddings=[
            pb.Embedding(vector=render_dense(made.vector), tokens=render_tokens(made.tokens))
            for made in answer.embeddings
        ],
        image_stamp=render_stamp(answer.image_stamp),
        text_stamp=render_stamp(answer.text_stamp),
        warnings=render_warnings((*notices, *seen)),
    )
