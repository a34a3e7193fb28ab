"""What the service and the engine's process say to each other.

The child's greeting is ``Ready`` or ``Failed``; after it, every request has one reply.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import ClassVar, Generic, TypeVar

from triptych_server.domain.collections import Collection
from triptych_server.domain.filters import Filter
from triptych_server.domain.legs import LegQuery, UnionQuery
from triptych_server.domain.ports import Page, Point, StoredPoint

Answer = TypeVar("Answer")


class Request(Generic[Answer]):
    """Something asked of the engine, and the type of the answer.

    ``writes`` says whether a request that got no answer may have changed something.
    """

    __slots__ = ()
    writes: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class CreateCollection(Request[None]):
    """Make an empty collection."""

    writes: ClassVar[bool] = True
    collection: Collection


@dataclass(frozen=True, slots=True)
class DropCollection(Request[None]):
    """Remove a collection with all its points."""

    writes: ClassVar[bool] = True
    collection_id: str


@dataclass(frozen=True, slots=True, eq=False)
class Upsert(Request[None]):
    """Write points whole."""

    writes: ClassVar[bool] = True
    collection_id: str
    points: tuple[Point, ...]
    created: datetime | None


@dataclass(frozen=True, slots=True)
class Retrieve(Request[tuple[StoredPoint, ...]]):
    """Read points by id."""

    collection_id: str
    ids: tuple[str, ...]
    vectors: bool


@dataclass(frozen=True, slots=True)
class Delete(Request[int]):
    """Remove points by id; the answer counts those that were there."""

    writes: ClassVar[bool] = True
    collection_id: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeleteMatching(Request[int]):
    """Remove points by filter; the answer counts them."""

    writes: ClassVar[bool] = True
    collection_id: str
    filter: Filter


@dataclass(frozen=True, slots=True)
class Count(Request[int]):
    """Count points by filter."""

    collection_id: str
    filter: Filter


@dataclass(frozen=True, slots=True)
class Passes(Request[tuple[bool, ...]]):
    """Look whether one point passes each filter."""

    collection_id: str
    point_id: str
    filters: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Scroll(Request[Page]):
    """Read points in the order of their ids."""

    collection_id: str
    filter: Filter
    limit: int
    start_id: str | None
    vectors: bool


@dataclass(frozen=True, slots=True, eq=False)
class Query(Request[list[list[tuple[str, float]]]]):
    """Answer all legs in one batch: (point id, similarity), sorted, for each leg.

    Plain tuples, since there are many: they pickle twenty times faster than ``Scored``.
    """

    collection_id: str
    legs: tuple[LegQuery, ...]
    created: datetime | None


@dataclass(frozen=True, slots=True, eq=False)
class Fetch(Request[tuple[tuple[StoredPoint, ...], list[list[tuple[str, float]]]]]):
    """``Retrieve`` and ``Query`` in one."""

    collection_id: str
    ids: tuple[str, ...]
    legs: tuple[LegQuery, ...]
    vectors: bool
    created: datetime | None


UnionAnswer = tuple[list[str], list[list[int]], list[list[float | None]]]
"""The ids of a union; what each leg found, as places in it; the scores by each ``exact``, for each
of the ids, None where there is none. Plain lists, as with ``Query``."""


@dataclass(frozen=True, slots=True, eq=False)
class QueryUnions(Request[list[UnionAnswer]]):
    """Answer all legs in one batch, and then all exact queries in another."""

    collection_id: str
    unions: tuple[UnionQuery, ...]
    created: datetime | None


@dataclass(frozen=True, slots=True)
class Flush(Request[None]):
    """Write a collection through to the disk; nothing where it is gone meanwhile."""

    collection_id: str


@dataclass(frozen=True, slots=True)
class BeginLog(Request[None]):
    """Write a collection through to the disk, and note every later write in its log."""

    collection_id: str


@dataclass(frozen=True, slots=True)
class LogSize(Request[int | None]):
    """Bytes of a collection's log of writes; None where it does not hold all of them."""

    collection_id: str


@dataclass(frozen=True, slots=True)
class EndLog(Request[None]):
    """Note no more writes; nothing where none are noted."""

    collection_id: str


@dataclass(frozen=True, slots=True)
class TakeShard(Request[None]):
    """Go on with another shard of the same points: one that the optimizer has made."""

    collection_id: str
    shard: str
    points: int


@dataclass(frozen=True, slots=True)
class Close(Request[None]):
    """Write everything through to the disk and end."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The child's greeting: the folder is its own and every collection is open."""

    collections: tuple[Collection, ...]
    engine_version: str


class FailureKind(Enum):
    """Why a request, or the start, came to nothing."""

    COLLECTION_MISSING = "collection missing"
    COLLECTION_EXISTS = "collection exists"
    NAME_INVALID = "name invalid"
    FIELD_INVALID = "field invalid"
    DISK_FULL = "disk full"
    REJECTED = "rejected"
    LOCKED = "locked"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Failed:
    """A request that came to nothing.

    ``text`` may hold the engine's own words and is for the log alone; ``name`` is the collection,
    space or field that is meant, and may be shown.
    """

    kind: FailureKind
    text: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """A request that was carried out."""

    answer: object


Reply = Done | Failed


class Step(Enum):
    """What the optimizer's process tells on its way; READY comes back to it as its start."""

    READY = "ready"
    COPIED = "copied"
    BUILT = "built"
    CAUGHT_UP = "caught up"


@dataclass(frozen=True, slots=True)
class Optimized:
    """The optimizer's last word: points, and vectors with an index, of a shard that is whole."""

    points: int
    indexed_vectors: int
