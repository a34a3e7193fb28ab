"""ItemService: items and outcomes into messages."""

from __future__ import annotations

from triptych.v1 import item_pb2 as pb
from triptych.v1 import item_service_pb2 as service
from triptych_server.domain.items import Item, OcrReading, UpsertOutcome, UpsertResult
from triptych_server.domain.queries import FieldSelection
from triptych_server.wire.common import (
    render_image_info,
    render_time,
    render_tokens,
    render_warnings,
)
from triptych_server.wire.errors import to_status
from triptych_server.wire.values import render_payload
from triptych_server.wire.vectors import render_vector

_RESULTS = {
    UpsertResult.CREATED: service.UpsertOutcome.RESULT_CREATED,
    UpsertResult.REPLACED: service.UpsertOutcome.RESULT_REPLACED,
    UpsertResult.UNCHANGED: service.UpsertOutcome.RESULT_UNCHANGED,
    UpsertResult.FAILED: service.UpsertOutcome.RESULT_FAILED,
}


def render_item(item: Item, fields: FieldSelection) -> pb.Item:
    """The parts of ``item`` that were asked for; its ids always."""
    record = item.record
    message = pb.Item(id=record.item_id, point_id=item.point_id)
    if fields.caption and record.caption is not None:
        message.caption = record.caption
    if fields.ocr_text and record.ocr_text is not None:
        message.ocr_text = record.ocr_text
    if fields.payload:
        message.payload.CopyFrom(render_payload(item.payload, fields.payload_keys))
    if fields.image_info and record.image is not None:
        message.image_info.MergeFrom(render_image_info(record.image) or pb.ImageInfo())
    if fields.ocr and record.ocr is not None:
        message.ocr.CopyFrom(_render_ocr(record.ocr, with_words=fields.ocr_words))
    if fields.create_time:
        message.create_time.CopyFrom(render_time(record.create_time))
    if fields.update_time:
        message.update_time.CopyFrom(render_time(record.update_time))
    for name, vector in item.vectors.items():
        if fields.vectors is None or name in fields.vectors:
            message.vectors[name].CopyFrom(render_vector(vector))
    return message


def render_outcome(outcome: UpsertOutcome) -> service.UpsertOutcome:
    """What became of one item."""
    return service.UpsertOutcome(
        index=outcome.index,
        id=outcome.id,
        result=_RESULTS[outcome.result],
        error=to_status(outcome.error) if outcome.error else None,
        warnings=render_warnings(outcome.notices),
        image_info=render_image_info(outcome.image),
        vector_tokens=[
            service.VectorTokens(vector_name=name, tokens=render_tokens(tokens))
            for name, tokens in outcome.tokens
        ],
        ocr_state=pb.Ocr.State.Value(f"STATE_{outcome.ocr_state or 'UNSPECIFIED'}"),
    )


def _render_ocr(ocr: OcrReading, *, with_words: bool) -> pb.Ocr:
    words = [
        pb.OcrWord(
            text=word.text,
            confidence=word.confidence,
            box=pb.Box(
                left=word.box.left,
                top=word.box.top,
                width=word.box.width,
                height=word.box.height,
            ),
        )
        for word in (ocr.words if with_words else ())
    ]
    return pb.Ocr(
        state=pb.Ocr.State.Value(f"STATE_{ocr.state}"), language=ocr.language, words=words
    )
