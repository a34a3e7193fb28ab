"""Items of four panels with ready vectors, as an encoder and a term weigher would make them.

Items come in topics of ``TOPIC`` each. What shows, what is said and what is written of one item
point the same way, more or less, so the legs of a search find partly the same items, as they do on
real pictures; random vectors would have them find none in common.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from triptych_server.domain import layout
from triptych_server.domain.collections import (
    Collection,
    Distance,
    FieldType,
    PayloadField,
    Source,
    SpaceKind,
    Stamp,
    VectorSpace,
)
from triptych_server.domain.items import Record
from triptych_server.domain.ports import Point
from triptych_server.domain.vectors import FloatArray, SparseVector, Vector, unit

DIMENSION = 512
TOPIC = 50
LEGS = ("image", "caption", "ocr", "terms")
COLLECTION = "panels"
_WINDOWS = 3
_TERMS = 5_000
_TOPICS = 1  # the seed of what all items and searches are about
# Lengths of the noise beside a direction of length 1.
_OF_TOPIC, _OF_PANEL = 0.8, 0.8


def collection(terms: Stamp, *, name: str = COLLECTION) -> Collection:
    """``image`` is dense, ``caption`` and ``ocr`` are multivectors, ``terms`` sparse with IDF."""
    supplied = (Source.SUPPLIED,)
    return Collection(
        id=name,
        vector_spaces=(
            VectorSpace("image", SpaceKind.DENSE, supplied, Distance.COSINE, DIMENSION),
            VectorSpace("caption", SpaceKind.MULTI, supplied, Distance.COSINE, DIMENSION),
            VectorSpace("ocr", SpaceKind.MULTI, supplied, Distance.COSINE, DIMENSION),
            VectorSpace("terms", SpaceKind.SPARSE, (Source.CAPTION,), Distance.DOT, stamp=terms),
        ),
        payload_fields=(PayloadField("kind", FieldType.KEYWORD),),
        default_encoder_id="",
        language="en",
        create_time=datetime(2026, 1, 1, tzinfo=UTC),
    )


def points(count: int) -> Iterator[Point]:
    """The items: one vector of ``image`` and ``caption`` each, three windows of ``ocr``."""
    world = _World(_TOPICS)
    written = datetime(2026, 1, 1, tzinfo=UTC)
    stamps = dict.fromkeys(LEGS)
    for number in range(count):
        record = Record(
            item_id=f"item-{number}",
            tenant="",
            caption=f"what is said of item {number}",
            ocr_text=None,
            hashes=dict.fromkeys(("image", "caption", "payload"), f"{number:064x}"),
            stamps=stamps,
            image=None,
            ocr=None,
            create_time=written,
            update_time=written,
        )
        payload = layout.to_payload(
            record,
            {"kind": f"kind-{number % 10}", "number": number, "price": number / 7, "new": True},
        )
        yield Point(layout.point_id(record.item_id), world.vectors(number // TOPIC), payload)


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """One search: a vector for each of ``LEGS``."""

    vectors: dict[str, Vector]


def queries(count: int, *, items: int, seed: int = 1) -> list[Asked]:
    """Searches that are each about one of the topics of ``points(items)``."""
    world = _World(_TOPICS)
    world.random = np.random.default_rng([_TOPICS, seed])
    topics = world.random.integers(0, max(1, items // TOPIC), count)
    asked = []
    for topic in topics.tolist():
        found = world.vectors(topic)
        ocr, terms = found["ocr"], found["terms"]
        assert not isinstance(ocr, SparseVector)
        assert isinstance(terms, SparseVector)
        few = SparseVector(terms.indices[::3], np.ones_like(terms.values[::3]))
        asked.append(Asked({**found, "ocr": ocr[:1], "terms": few}))
    return asked


class _World:
    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self._seed = seed

    def vectors(self, topic: int) -> dict[str, Vector]:
        """The vectors of another item of ``topic``."""
        of_topic = np.random.default_rng([self._seed, 2, topic])
        centre = unit(of_topic.standard_normal(DIMENSION, dtype=np.float32))
        theme = of_topic.choice(_TERMS, 18, replace=False)
        item = self._near(centre, 1, _OF_TOPIC)[0]
        own = self.random.choice(theme, 6, replace=False)
        others = self.random.choice(_TERMS, 12, replace=False)
        indices = np.unique(np.concatenate([own, others])).astype(np.uint32)
        weights = self.random.uniform(0.5, 2.0, len(indices)).astype(np.float32)
        return {
            "image": self._near(item, 1, _OF_PANEL)[0],
            "caption": self._near(item, 1, _OF_PANEL),
            "ocr": self._near(item, _WINDOWS, _OF_PANEL),
            "terms": SparseVector(indices, weights),
        }

    def _near(self, centre: FloatArray, count: int, spread: float) -> FloatArray:
        noise = self.random.standard_normal((count, DIMENSION), dtype=np.float32)
        return unit(centre + spread * unit(noise))
