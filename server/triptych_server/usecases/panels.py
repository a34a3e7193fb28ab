"""Turns one item's panels into its named vectors: decode once, read, encode."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from triptych_server.domain.collections import Collection, Source, SpaceKind, VectorSpace
from triptych_server.domain.errors import InvalidInput
from triptych_server.domain.items import (
    ImageInfo,
    ImageVariant,
    ItemInput,
    Notice,
    OcrReading,
    OcrState,
    Picture,
    TokenUse,
    WarningCode,
)
from triptych_server.domain.pictures import KeptFile, original, variants_of
from triptych_server.domain.ports import ImageIntake, Ocr
from triptych_server.domain.vectors import Vector
from triptych_server.usecases.check_vectors import as_compared
from triptych_server.usecases.encoders import EncoderSet
from triptych_server.usecases.together import together


@dataclass(frozen=True, slots=True)
class Reading:
    """How a picture is to be read. ``language`` None: it should be, and the server can't."""

    language: str | None
    time_limit_ms: int
    replaces_supplied: bool


@dataclass(slots=True, eq=False)
class Panels:
    """What came out of one item."""

    vectors: dict[str, Vector]
    ocr_text: str | None
    ocr: OcrReading | None
    image: ImageInfo | None = None
    files: list[KeptFile] = field(default_factory=list)
    tokens: dict[str, TokenUse] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)


class PanelMaker:
    """Decodes, reads and encodes. At most ``pictures_in_flight`` pictures at a time."""

    def __init__(
        self, encoders: EncoderSet, intake: ImageIntake, ocr: Ocr, pictures_in_flight: int
    ) -> None:
        self._encoders = encoders
        self._intake = intake
        self._ocr = ocr
        # A decoded picture is much larger than its file: this bounds the memory of all batches.
        self._room = asyncio.Semaphore(pictures_in_flight)

    async def make(
        self, collection: Collection, item: ItemInput, reading: Reading | None, path: str
    ) -> Panels:
        """Every vector that ``collection`` makes from the item's panels, and the files it keeps.

        ``reading`` None leaves the picture unread. Raises InvalidInput, its violations under
        ``path``, for a picture that can't be taken in; Exhausted where the encoder's queue is full.
        """
        vectors = {
            name: as_compared(space, item.vectors[name])
            for space in collection.vector_spaces
            if (name := space.name) in item.vectors
        }
        panels = Panels(vectors, item.ocr_text, None, notices=list(item.notices))
        if item.ocr_text is not None:
            panels.ocr = OcrReading(OcrState.SUPPLIED, item.ocr_text)
        if item.image is not None:
            async with self._room:
                await self._look(collection, item.image, reading, panels, path)
        await self._read_texts(collection, item.caption, panels, path)
        if not panels.vectors:
            what = "no vector could be made from it, so no search finds it"
            panels.notices.append(Notice(WarningCode.NOT_SEARCHABLE, what, path))
        return panels

    async def _look(
        self,
        collection: Collection,
        data: bytes,
        reading: Reading | None,
        panels: Panels,
        path: str,
    ) -> None:
        try:
            picture = await self._intake.decode(data)
        except InvalidInput as error:
            raise error.under(f"{path}.image.data") from None
        panels.image = picture.info
        panels.notices.extend(
            Notice(n.code, n.message, f"{path}.image.data") for n in picture.notices
        )
        spaces = [s for s in collection.vector_spaces if s.sources == (Source.IMAGE,)]
        await together(
            [
                *(self._encode_picture(collection, s, picture, panels) for s in spaces),
                self._read(picture, reading, panels, path),
                self._keep(collection, data, picture, panels),
            ]
        )

    async def _keep(
        self, collection: Collection, data: bytes, picture: Picture, panels: Panels
    ) -> None:
        for variant in variants_of(collection.image_retention):
            if variant is ImageVariant.ORIGINAL:
                panels.files.append(original(data, picture.info))
            else:
                panels.files.append(await self._intake.thumbnail(picture))
        panels.image = replace(picture.info, kept=tuple(file.image for file in panels.files))

    async def _encode_picture(
        self, collection: Collection, space: VectorSpace, picture: Picture, panels: Panels
    ) -> None:
        embedding = await self._encoders.of(collection, space).encode_image(picture)
        multi = space.kind is SpaceKind.MULTI
        panels.vectors[space.name] = embedding.reshape(1, -1) if multi else embedding

    async def _read(
        self, picture: Picture, reading: Reading | None, panels: Panels, path: str
    ) -> None:
        if reading is None:
            return
        if reading.language is None:
            panels.notices.append(cannot_read(path))
            panels.ocr = OcrReading(OcrState.FAILED, panels.ocr_text or "")
            return
        found = await self._ocr.read(
            picture, language=reading.language, time_limit_ms=reading.time_limit_ms
        )
        if found.state in (OcrState.FAILED, OcrState.TIMED_OUT):
            timed_out = found.state is OcrState.TIMED_OUT
            code = WarningCode.OCR_TIMED_OUT if timed_out else WarningCode.OCR_FAILED
            panels.notices.append(Notice(code, found.message, f"{path}.image"))
            panels.ocr = found
            return
        panels.ocr = found
        panels.ocr_text = found.text or None

    async def _read_texts(
        self, collection: Collection, caption: str | None, panels: Panels, path: str
    ) -> None:
        texts = {Source.CAPTION: caption, Source.OCR_TEXT: panels.ocr_text}
        for space in collection.vector_spaces:
            parts = [t for source in space.sources if (t := texts.get(source)) is not None]
            if not parts:
                continue
            text = "\n".join(parts)
            if space.kind is SpaceKind.SPARSE:
                terms = await self._encoders.terms.encode_document(text, collection.language)
                # An empty sparse vector would count as present and lift unrelated items.
                if len(terms):
                    panels.vectors[space.name] = terms
                continue
            first = next(s for s in space.sources if texts.get(s) is not None)
            where = f"{path}.{first.value}"
            tokens = await self._encode_text(collection, space, text, panels, where)
            panels.tokens[space.name] = tokens

    async def _encode_text(
        self, collection: Collection, space: VectorSpace, text: str, panels: Panels, path: str
    ) -> TokenUse:
        encoder = self._encoders.of(collection, space)
        if space.windows is None:
            single = await encoder.encode_text(text)
            panels.vectors[space.name] = single.vector
            if single.tokens.truncated:
                panels.notices.append(truncation(single.tokens, f"vector {space.name!r}", path))
            return single.tokens
        windowed = await encoder.encode_windows(text, space.windows)
        panels.vectors[space.name] = windowed.vectors
        if windowed.windows_cut:
            panels.notices.append(
                Notice(
                    WarningCode.WINDOWS_CUT,
                    f"vector {space.name!r} keeps {space.windows.max_windows} windows; "
                    f"{windowed.windows_cut} more were left out",
                    path,
                )
            )
        return windowed.tokens


def cannot_read(path: str) -> Notice:
    """The warning for a picture whose words are wanted where the server can't read any."""
    return Notice(
        WarningCode.OCR_FAILED,
        "the picture was not read: this server has no Tesseract, or has it in neither the "
        "collection's language nor its own default",
        f"{path}.image",
    )


def truncation(tokens: TokenUse, reader: str, path: str) -> Notice:
    """The warning for a text longer than ``reader``, an encoder or a vector's, reads."""
    return Notice(
        WarningCode.TEXT_TRUNCATED,
        f"{reader}: {tokens.tokens_used} of {tokens.token_count} tokens were used",
        path,
    )
