"""Says what this server is and can do."""

from __future__ import annotations

from dataclasses import dataclass

from triptych_server.domain.limits import Limits
from triptych_server.domain.ports import EncoderInfo, Ocr, PictureStore, StoreInfo, VectorStore
from triptych_server.domain.queues import BatcherCounters
from triptych_server.usecases.encoders import EncoderSet


@dataclass(frozen=True, slots=True)
class QueueReport:
    """The queue in front of one model (``image`` or ``text``) of an encoder."""

    encoder_id: str
    model: str
    counters: BatcherCounters


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What GetStatus answers."""

    version: str
    encoders: tuple[EncoderInfo, ...]
    limits: Limits
    store: StoreInfo
    ocr_languages: tuple[str, ...]
    ocr_engine: str
    languages: tuple[str, ...]
    pictures: str
    queues: tuple[QueueReport, ...]


class Status:
    """The use case of StatusService.GetStatus."""

    def __init__(
        self,
        version: str,
        encoders: EncoderSet,
        limits: Limits,
        store: VectorStore,
        pictures: PictureStore,
        ocr: Ocr,
    ) -> None:
        self._version = version
        self._encoders = encoders
        self._limits = limits
        self._store = store
        self._pictures = pictures
        self._ocr = ocr

    async def __call__(self) -> StatusReport:
        """Answers while the store is down, too."""
        return StatusReport(
            version=self._version,
            encoders=tuple(encoder.info for encoder in self._encoders.all()),
            limits=self._limits,
            store=await self._store.info(),
            ocr_languages=self._ocr.languages,
            ocr_engine=self._ocr.engine if self._ocr.languages else "",
            languages=self._encoders.terms.languages,
            pictures=self._pictures.kind,
            queues=tuple(
                QueueReport(encoder.info.id, model, counters)
                for encoder in self._encoders.all()
                for model, counters in (
                    ("image", encoder.image_counters),
                    ("text", encoder.text_counters),
                )
            ),
        )
