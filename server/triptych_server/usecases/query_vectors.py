"""Turns a search's inputs into one query vector a leg; what is the same is encoded once."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from triptych_server.domain import layout
from triptych_server.domain.collections import Collection, SpaceKind
from triptych_server.domain.composition import Composition
from triptych_server.domain.decoding import Detail
from triptych_server.domain.errors import InvalidInput, Reason, WrongState, clip, item_not_found
from triptych_server.domain.items import Notice, TokenUse, WarningCode
from triptych_server.domain.ports import Encoder, ImageIntake, VectorStore
from triptych_server.domain.queries import (
    ComposedInput,
    ImageInput,
    ItemIdInput,
    PartUse,
    StoredVectorInput,
    TextInput,
    VectorInput,
    kind_of,
)
from triptych_server.domain.vectors import SparseVector, Vector
from triptych_server.usecases.check_vectors import as_compared, misfit
from triptych_server.usecases.composed import put_together
from triptych_server.usecases.decoded import decoded
from triptych_server.usecases.encoders import EncoderSet
from triptych_server.usecases.legs import LegPlan
from triptych_server.usecases.once import Once
from triptych_server.usecases.panels import truncation
from triptych_server.usecases.query_cache import Encoding, Make, QueryCache, encoding
from triptych_server.usecases.stored_vectors import as_query
from triptych_server.usecases.together import together, together_checked


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """One input as the vector that one leg is asked with; ``tokens`` for a text on a dense or
    multi leg. ``from_cache`` is None where nothing was to be encoded."""

    vector: Vector
    tokens: TokenUse | None = None
    from_cache: bool | None = None


Embeddings = dict[Hashable, Embedding]


@dataclass(frozen=True, slots=True, eq=False)
class EncodedLeg:
    """An input of a leg as its vector; ``tokens`` for a text on a dense or multi leg.

    ``composition`` and ``parts`` for a composed input. ``from_cache`` as in ``Embedding``: True
    where all that was to be encoded had been.
    """

    plan: LegPlan
    vector: Vector
    tokens: TokenUse | None = None
    composition: Composition | None = None
    parts: tuple[PartUse, ...] = ()
    from_cache: bool | None = None

    @property
    def is_askable(self) -> bool:
        """Whether there is something to ask with: a sparse query may be empty."""
        return not (isinstance(self.vector, SparseVector) and len(self.vector) == 0)

    @property
    def added_up(self) -> int:
        """How many similarities, one for each query vector, add up to one of this leg's."""
        if isinstance(self.vector, SparseVector) or self.vector.ndim == 1:
            return 1
        return int(self.vector.shape[0])


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """The legs that can be asked; ``own_ids`` are the points given as input, which are no hits."""

    legs: tuple[EncodedLeg, ...]
    own_ids: tuple[str, ...]
    notices: tuple[Notice, ...]


class QueryVectors:
    """Encodes the inputs of one search at a time; what it keeps of them is in its cache."""

    def __init__(
        self,
        store: VectorStore,
        encoders: EncoderSet,
        intake: ImageIntake,
        room: asyncio.Semaphore,
        cache: QueryCache,
    ) -> None:
        """``room`` bounds the decoded pictures of all queries at a time."""
        self._store = store
        self._encoders = encoders
        self._intake = intake
        self._room = room
        self._cache = cache

    async def encode(
        self,
        collection: Collection,
        plans: tuple[LegPlan, ...],
        once: Once | None = None,
        *,
        bypass_cache: bool = False,
    ) -> Encoded:
        """A vector for every plan, in order; ``once`` is shared by searches that come together.

        With ``bypass_cache`` nothing is taken from the cache or put into it.

        A plan whose item lacks its vector is left out, and so is one that the request does not
        name and that can't take a stored vector after all.

        Raises InvalidInput (pictures, vectors that do not fit, PARTS_CANCEL_OUT), NotFound
        (ITEM_NOT_FOUND), Exhausted, WrongState (QUERY_UNANSWERABLE for a stored vector).
        """
        notices: list[Notice] = []
        parts = tuple(part for plan in plans for part in plan.parts)
        stored = await self._stored_vectors(collection, parts)
        source = _Source(None if bypass_cache else self._cache, once)
        embeddings = await self._embeddings(collection, parts, notices, source)
        legs = []
        for plan in plans:
            known = [_known(collection, p, stored, embeddings, notices) for p in plan.parts]
            made = [one for one in known if one is not None]
            # One part that there is no vector of, and the leg can't be asked.
            if len(made) == len(known):
                legs.append(_encoded(plan, made))
        own_ids = tuple(layout.point_id(item_id) for item_id in stored)
        return Encoded(tuple(legs), own_ids, tuple(notices))

    async def _embeddings(
        self,
        collection: Collection,
        plans: tuple[LegPlan, ...],
        notices: list[Notice],
        source: _Source,
    ) -> Embeddings:
        """Every distinct (encoder, input) once, side by side."""
        texts: dict[Hashable, LegPlan] = {}
        pictures: dict[ImageInput, list[LegPlan]] = {}
        for plan in plans:
            if isinstance(plan.input, TextInput):
                texts.setdefault(_key(plan, plan.input), plan)
            elif isinstance(plan.input, ImageInput):
                pictures.setdefault(plan.input, []).append(plan)
        made = await together_checked(
            [
                *(self._embed_text(collection, plan, key, source) for key, plan in texts.items()),
                *(
                    self._embed_picture(collection, p, g, notices, source)
                    for g, p in pictures.items()
                ),
            ]
        )
        return {key: embedding for found in made for key, embedding in found.items()}

    async def _embed_text(
        self, collection: Collection, plan: LegPlan, key: Hashable, source: _Source
    ) -> Embeddings:
        assert isinstance(plan.input, TextInput)
        text = plan.input.text
        if plan.space.kind is SpaceKind.SPARSE:
            terms, language = self._encoders.terms, collection.language

            async def make() -> Encoding:
                return encoding([await terms.encode_query(text, language)])

            producer: Hashable = (language, terms.stamp(language))
        else:
            encoder = self._encoders.of(collection, plan.space)

            async def make() -> Encoding:
                made = await encoder.encode_text(text)
                return encoding([made.vector], made.tokens)

            producer = (encoder.info.id, encoder.info.text_stamp)
        made, from_cache = await source.get(("text", producer, _digest(text.encode())), make)
        return {key: Embedding(made.vectors[0], made.tokens, from_cache)}

    async def _embed_picture(
        self,
        collection: Collection,
        plans: list[LegPlan],
        given: ImageInput,
        notices: list[Notice],
        source: _Source,
    ) -> Embeddings:
        path = f"{plans[0].input_path}.image.data"
        by_key = {_key(plan, given): plan for plan in plans}
        encoders = [self._encoders.of(collection, plan.space) for plan in by_key.values()]
        details = [self._encoders.detail(collection, plan.space) for plan in by_key.values()]
        producers = tuple(
            (encoder.info.id, encoder.info.image_stamp, detail)
            for encoder, detail in zip(encoders, details, strict=True)
        )
        try:
            seen, from_cache = await source.get(
                ("image", producers, _digest(given.data)),
                lambda: self._see(encoders, details, given.data),
            )
        except InvalidInput as error:
            raise error.under(path) from None
        notices.extend(Notice(n.code, n.message, path) for n in seen.notices)
        return {
            key: Embedding(vector, from_cache=from_cache)
            for key, vector in zip(by_key, seen.vectors, strict=True)
        }

    async def _see(
        self, encoders: Sequence[Encoder], details: Sequence[Detail | None], data: bytes
    ) -> Encoding:
        """One picture, decoded once a detail and let go of when the encoders have seen it."""
        async with self._room:
            pictures = await decoded(self._intake, data, details)
            crops = await together(
                encoder.crop_image(picture)
                for encoder, picture in zip(encoders, pictures, strict=True)
            )
            notices = pictures[0].notices
            del pictures
        vectors = await together(
            encoder.encode_crop(crop) for encoder, crop in zip(encoders, crops, strict=True)
        )
        return encoding(vectors, notices=notices)

    async def _stored_vectors(
        self, collection: Collection, plans: tuple[LegPlan, ...]
    ) -> dict[str, Mapping[str, Vector]]:
        paths: dict[str, str] = {}
        for plan in plans:
            if isinstance(plan.input, ItemIdInput):
                paths.setdefault(plan.input.item_id, f"{plan.input_path}.item_id")
            elif isinstance(plan.input, StoredVectorInput):
                path = f"{plan.input_path}.stored_vector.item_id"
                paths.setdefault(plan.input.item_id, path)
        if not paths:
            return {}
        ids = {layout.point_id(item_id): item_id for item_id in paths}
        found = await self._store.retrieve(collection.id, list(ids), vectors=True)
        vectors = {ids[point.id]: point.vectors for point in found}
        for item_id, path in paths.items():
            if item_id not in vectors:
                raise item_not_found(item_id, field=path)
        return vectors


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """Where the encodings of one search come from: made at the time, or for another before."""

    cache: QueryCache | None
    once: Once | None

    async def get(self, key: Hashable, make: Make) -> tuple[Encoding, bool]:
        """The encoding of ``key``, and whether it comes from the cache. Raises as ``make``."""
        if self.once is None:
            return await self._get(key, make)
        # Searches that come together need not all bypass the cache.
        return await self.once((key, self.cache is None), lambda: self._get(key, make))

    async def _get(self, key: Hashable, make: Make) -> tuple[Encoding, bool]:
        return (await make(), False) if self.cache is None else await self.cache(key, make)


def _digest(content: bytes) -> bytes:
    """What stands for a text or a picture in a key, so that none is kept for it."""
    return hashlib.sha256(content).digest()


def _key(plan: LegPlan, given: TextInput | ImageInput) -> Hashable:
    """What makes two legs' encodings the same: all sparse spaces share one producer."""
    producer = None if plan.space.kind is SpaceKind.SPARSE else plan.space.encoder_id
    return producer, given


def _known(
    collection: Collection,
    plan: LegPlan,
    stored: Mapping[str, Mapping[str, Vector]],
    embeddings: Embeddings,
    notices: list[Notice],
) -> Embedding | None:
    """The vector of a plan whose input is not composed; None, with a notice, where it has none."""
    given = plan.input
    if isinstance(given, VectorInput):
        return Embedding(_fitting(plan, given.vector))
    if isinstance(given, ItemIdInput):
        vector = stored[given.item_id].get(plan.space.name)
        if vector is None:
            notices.append(_lacks(plan, given.item_id))
            return None
        if not plan.is_part:
            return Embedding(vector)
        own = StoredVectorInput(given.item_id, plan.space.name)
        asked = _stored(collection, plan, own, {plan.space.name: vector}, notices)
        return None if asked is None else Embedding(asked)
    if isinstance(given, StoredVectorInput):
        asked = _stored(collection, plan, given, stored[given.item_id], notices)
        return None if asked is None else Embedding(asked)
    assert isinstance(given, TextInput | ImageInput)
    found = embeddings[_key(plan, given)]
    if found.tokens is not None and found.tokens.truncated:
        where = f"{plan.input_path}.text"
        notices.append(truncation(found.tokens, f"vector {plan.space.name!r}", where))
    return found


def _encoded(plan: LegPlan, made: Sequence[Embedding]) -> EncodedLeg:
    """The leg with the vector of its input, or of the parts of it put together."""
    given = plan.input
    from_cache = all_from_cache(one.from_cache for one in made)
    if not isinstance(given, ComposedInput):
        [one] = made
        return EncodedLeg(plan, one.vector, one.tokens, from_cache=from_cache)
    vectors = [one.vector for one in made if not isinstance(one.vector, SparseVector)]
    composition = put_together(plan.space, given, vectors, f"{plan.input_path}.composed")
    parts = tuple(
        PartUse(kind_of(part.input), part.weight, one.tokens)
        for part, one in zip(given.parts, made, strict=True)
    )
    return EncodedLeg(
        plan, composition.vector, composition=composition, parts=parts, from_cache=from_cache
    )


def all_from_cache(given: Iterable[bool | None]) -> bool | None:
    """Whether all that was to be encoded came from the cache; None where there was nothing."""
    encoded = [one for one in given if one is not None]
    return all(encoded) if encoded else None


def _fitting(plan: LegPlan, vector: Vector) -> Vector:
    problem = misfit(plan.space, vector, f"{plan.input_path}.vector", as_query=True)
    if problem is not None:
        raise InvalidInput([problem])
    return as_compared(plan.space, vector)


def _stored(
    collection: Collection,
    plan: LegPlan,
    given: StoredVectorInput,
    vectors: Mapping[str, Vector],
    notices: list[Notice],
) -> Vector | None:
    """The stored vector as the leg is asked with it; None, with a notice, where that is skipped."""
    path = f"{plan.input_path}.{kind_of(plan.input).value}"
    whose = f"{given.vector_name!r} of the item {clip(given.item_id)!r}"
    subject = f"collections/{collection.id}"
    vector = vectors.get(given.vector_name)
    if vector is None:
        message = f"{path}: the item {clip(given.item_id)!r} has no vector {given.vector_name!r}"
        raise WrongState(Reason.QUERY_UNANSWERABLE, message, subject=subject)
    asked = as_query(plan.space, vector, alone=plan.is_part)
    if asked is None:
        taker = "a part" if plan.is_part else repr(plan.space.name)
        what = f"{whose} has {len(vector)} vectors, and {taker} takes one"
        if plan.path:
            raise WrongState(Reason.QUERY_UNANSWERABLE, f"{path}: {what}", subject=subject)
        message = f"{what}, so this leg was not asked"
        notices.append(Notice(WarningCode.LEG_SKIPPED, message, path))
    return asked


def _lacks(plan: LegPlan, item_id: str) -> Notice:
    return Notice(
        WarningCode.LEG_SKIPPED,
        f"the item {clip(item_id)!r} has no vector {plan.space.name!r}, so this leg was not asked",
        plan.input_path,
    )
