"""Turns texts and pictures into embeddings without keeping anything."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from triptych_server.domain.collections import Stamp
from triptych_server.domain.errors import InvalidInput
from triptych_server.domain.items import Notice, TokenUse
from triptych_server.domain.ports import Encoder, ImageIntake
from triptych_server.domain.queries import ImageInput, TextInput
from triptych_server.domain.vectors import FloatArray
from triptych_server.usecases.encoders import EncoderSet
from triptych_server.usecases.panels import truncation
from triptych_server.usecases.stopwatch import Stopwatch
from triptych_server.usecases.together import together_checked


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """One embedding; ``tokens`` for a text."""

    vector: FloatArray
    tokens: TokenUse | None
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True, eq=False)
class EncodeAnswer:
    """One embedding for each input, in order."""

    embeddings: tuple[Embedded, ...]
    image_stamp: Stamp
    text_stamp: Stamp


class Encode:
    """The use case of EncodeService.Encode."""

    def __init__(self, encoders: EncoderSet, intake: ImageIntake, room: asyncio.Semaphore) -> None:
        """``room`` bounds the decoded pictures of all queries at a time."""
        self._encoders = encoders
        self._intake = intake
        self._room = room

    async def __call__(
        self, encoder_id: str, inputs: Sequence[TextInput | ImageInput], watch: Stopwatch
    ) -> EncodeAnswer:
        """Raises WrongState (ENCODER_UNKNOWN), InvalidInput (a picture), Exhausted."""
        encoder = self._encoders.get(encoder_id, field="encoder_id")
        with watch.stage("encode"):
            made = await together_checked(
                self._one(encoder, given, f"inputs[{place}]") for place, given in enumerate(inputs)
            )
        info = encoder.info
        return EncodeAnswer(tuple(made), info.image_stamp, info.text_stamp)

    async def _one(self, encoder: Encoder, given: TextInput | ImageInput, path: str) -> Embedded:
        if isinstance(given, TextInput):
            text = await encoder.encode_text(given.text)
            cut = truncation(text.tokens, f"encoder {encoder.info.id!r}", f"{path}.text")
            return Embedded(text.vector, text.tokens, (cut,) if text.tokens.truncated else ())
        async with self._room:
            try:
                picture = await self._intake.decode(given.data, encoder.info.image_ways[0].detail)
            except InvalidInput as error:
                raise error.under(f"{path}.image.data") from None
            vector = await encoder.encode_image(picture)
        notices = tuple(Notice(n.code, n.message, path) for n in picture.notices)
        return Embedded(vector, None, notices)
