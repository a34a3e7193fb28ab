"""One picture in the details that several want of it, decoded no more often than they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from triptych_server.domain.decoding import Detail
from triptych_server.domain.items import Picture
from triptych_server.domain.ports import ImageIntake


async def decoded(
    intake: ImageIntake, data: bytes, details: Sequence[Detail | None]
) -> list[Picture]:
    """A picture for each of ``details``, in order; raises as ``ImageIntake.decode``.

    What one sees does not depend on what else is wanted of the same bytes.
    """
    pictures: list[Picture] = []
    for detail in details:
        same = next((picture for picture in pictures if picture.serves(detail)), None)
        if same is None:
            same = await intake.decode(data, detail)
        pictures.append(replace(same, detail=detail))
    return pictures
