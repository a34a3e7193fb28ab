"""What several answers carry: warnings, timings, stamps, token use, pictures."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from triptych.v1 import common_pb2 as pb
from triptych.v1 import item_pb2
from triptych_server.domain.collections import Stamp
from triptych_server.domain.items import ImageInfo, KeptImage, Notice, TokenUse
from triptych_server.domain.queries import Timings

_MAX_INT32 = 2**31 - 1


def render_warnings(notices: Iterable[Notice]) -> list[pb.Warning]:
    """Warnings in the order in which they were noticed."""
    return [
        pb.Warning(
            code=pb.Warning.Code.Value(f"CODE_{notice.code}"),
            message=notice.message,
            field=notice.field,
        )
        for notice in notices
    ]


def render_timings(timings: Timings) -> pb.Timings:
    """Microseconds, held below what an int32 can carry (35 minutes)."""
    return pb.Timings(
        stages=[
            pb.StageTiming(stage=name, duration_us=min(duration, _MAX_INT32))
            for name, duration in timings.stages
        ],
        total_us=min(timings.total_us, _MAX_INT32),
    )


def render_stamp(stamp: Stamp | None) -> pb.EncoderStamp | None:
    """A stamp; None stays unset."""
    if stamp is None:
        return None
    return pb.EncoderStamp(
        model=stamp.model,
        revision=stamp.revision,
        preprocessing_hash=stamp.preprocessing,
    )


def render_tokens(tokens: TokenUse | None) -> pb.TokenUse | None:
    """How much of a text was read; None stays unset."""
    if tokens is None:
        return None
    return pb.TokenUse(
        token_count=tokens.token_count,
        tokens_used=tokens.tokens_used,
        windows=tokens.windows,
        truncated=tokens.truncated,
    )


def render_image_info(image: ImageInfo | None) -> item_pb2.ImageInfo | None:
    """What is known of a picture; None stays unset."""
    if image is None:
        return None
    return item_pb2.ImageInfo(
        format=image.format,
        width=image.width,
        height=image.height,
        byte_size=image.byte_size,
        sha256=image.sha256,
        orientation=image.orientation,
        kept=[render_kept(kept) for kept in image.kept],
    )


def render_kept(kept: KeptImage) -> item_pb2.KeptImage:
    """A kept file of a picture."""
    return item_pb2.KeptImage(
        variant=item_pb2.KeptImage.Variant.Value(f"VARIANT_{kept.variant.name}"),
        media_type=kept.media_type,
        width=kept.width,
        height=kept.height,
        byte_size=kept.byte_size,
        sha256=kept.sha256,
    )


def render_time(moment: datetime) -> Timestamp:
    """An aware moment as a Timestamp."""
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
