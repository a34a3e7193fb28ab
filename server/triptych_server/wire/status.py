"""StatusService: the report as a message."""

from __future__ import annotations

from dataclasses import asdict

from triptych.v1 import status_service_pb2 as pb
from triptych_server.domain.ports import EncoderInfo
from triptych_server.usecases.status import QueueReport, StatusReport
from triptych_server.wire.common import render_stamp


def render_status(report: StatusReport) -> pb.GetStatusResponse:
    """What this server is and can do."""
    return pb.GetStatusResponse(
        version=report.version,
        encoders=[_render_encoder(info) for info in report.encoders],
        # The message has one field for each limit, of the same name; a test holds them together.
        limits=pb.Limits(**asdict(report.limits)),
        store=pb.StoreStatus(
            kind=report.store.kind,
            engine_version=report.store.engine_version,
            ready=report.store.ready,
        ),
        ocr_languages=report.ocr_languages,
        ocr_engine=report.ocr_engine,
        languages=report.languages,
        pictures=pb.PictureStoreStatus(kind=report.pictures),
        queues=[_render_queue(queue) for queue in report.queues],
    )


def _render_queue(queue: QueueReport) -> pb.QueueStatus:
    counters = queue.counters
    return pb.QueueStatus(
        encoder_id=queue.encoder_id,
        model=queue.model,
        waiting=counters.waiting,
        run_count=counters.runs,
        encoded_count=counters.items,
        refused_count=counters.refused,
        cancelled_count=counters.skipped,
        expired_count=counters.expired,
        begun_late_count=counters.begun_late,
        ended_late_count=counters.ended_late,
    )


def _render_encoder(info: EncoderInfo) -> pb.EncoderStatus:
    height, width = info.image_size
    return pb.EncoderStatus(
        id=info.id,
        name=info.name,
        revision=info.revision,
        dimension=info.dimension,
        context_length=info.context_length,
        image_height=height,
        image_width=width,
        execution_provider=info.provider,
        licence=info.licence,
        image_stamp=render_stamp(info.image_stamp),
        text_stamp=render_stamp(info.text_stamp),
        precision=info.precision,
    )
