"""Turns a search's inputs into one query vector a leg; what is the same is encoded once."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from triptych_server.domain import layout
from triptych_server.domain.collections import Collection, SpaceKind, VectorSpace
from triptych_server.domain.errors import InvalidInput, item_not_found
from triptych_server.domain.items import Notice, Picture, TokenUse, WarningCode
from triptych_server.domain.ports import ImageIntake, VectorStore
from triptych_server.domain.queries import (
    ImageInput,
    ItemIdInput,
    QueryInput,
    TextInput,
    VectorInput,
)
from triptych_server.domain.vectors import SparseVector, Vector
from triptych_server.usecases.check_vectors import misfit
from triptych_server.usecases.encoders import EncoderSet
from triptych_server.usecases.panels import truncation
from triptych_server.usecases.together import together


@dataclass(frozen=True, slots=True, eq=False)
class LegPlan:
    """One leg that will be asked, before its input is encoded."""

    space: VectorSpace
    input: QueryInput
    weight: float
    candidate_count: int
    input_path: str


@dataclass(frozen=True, slots=True, eq=False)
class EncodedLeg:
    """A leg with its query vector; ``tokens`` for a text on a dense or multi leg."""

    plan: LegPlan
    vector: Vector
    tokens: TokenUse | None = None

    @property
    def is_askable(self) -> bool:
        """Whether there is something to ask with: a sparse query may be empty."""
        return not (isinstance(self.vector, SparseVector) and len(self.vector) == 0)


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """The legs that can be asked; ``own_ids`` are the points given as input, which are no hits."""

    legs: tuple[EncodedLeg, ...]
    own_ids: tuple[str, ...]
    notices: tuple[Notice, ...]


class QueryVectors:
    """Encodes the inputs of one search at a time; keeps nothing between searches."""

    def __init__(self, store: VectorStore, encoders: EncoderSet, intake: ImageIntake) -> None:
        self._store = store
        self._encoders = encoders
        self._intake = intake

    async def encode(self, collection: Collection, plans: tuple[LegPlan, ...]) -> Encoded:
        """A vector for every plan, in order; a plan whose item lacks its vector is left out.

        Raises InvalidInput (pictures, vectors that do not fit), NotFound (ITEM_NOT_FOUND),
        Exhausted, WrongState.
        """
        notices: list[Notice] = []
        stored = await self._stored_vectors(collection, plans)
        embeddings = await self._embeddings(collection, plans, notices)
        legs = []
        for plan in plans:
            if isinstance(plan.input, VectorInput):
                legs.append(EncodedLeg(plan, _fitting(plan, plan.input.vector)))
            elif isinstance(plan.input, ItemIdInput):
                vector = stored[plan.input.item_id].get(plan.space.name)
                if vector is None:
                    notices.append(_lacks(plan, plan.input.item_id))
                else:
                    legs.append(EncodedLeg(plan, vector))
            else:
                made, tokens = embeddings[_key(plan, plan.input)]
                legs.append(EncodedLeg(plan, made, tokens))
                if tokens is not None and tokens.truncated:
                    notices.append(truncation(tokens, plan.space.name, plan.input_path))
        own_ids = tuple(layout.point_id(item_id) for item_id in stored)
        return Encoded(tuple(legs), own_ids, tuple(notices))

    async def _embeddings(
        self, collection: Collection, plans: tuple[LegPlan, ...], notices: list[Notice]
    ) -> dict[Hashable, tuple[Vector, TokenUse | None]]:
        """Every distinct (encoder, input) once, side by side."""
        pictures = await self._pictures(plans, notices)
        distinct = {
            _key(plan, plan.input): (plan.space, plan.input)
            for plan in plans
            if isinstance(plan.input, TextInput | ImageInput)
        }
        made = await together(
            self._embed(collection, space, given, pictures) for space, given in distinct.values()
        )
        return dict(zip(distinct, made, strict=True))

    async def _embed(
        self,
        collection: Collection,
        space: VectorSpace,
        given: TextInput | ImageInput,
        pictures: Mapping[bytes, Picture],
    ) -> tuple[Vector, TokenUse | None]:
        if isinstance(given, ImageInput):
            encoder = self._encoders.of(collection, space)
            return await encoder.encode_image(pictures[given.data]), None
        if space.kind is SpaceKind.SPARSE:
            terms = await self._encoders.terms.encode_query(given.text, collection.language)
            return terms, None
        text = await self._encoders.of(collection, space).encode_text(given.text)
        return text.vector, text.tokens

    async def _pictures(
        self, plans: tuple[LegPlan, ...], notices: list[Notice]
    ) -> dict[bytes, Picture]:
        paths = {p.input.data: p.input_path for p in plans if isinstance(p.input, ImageInput)}

        async def decode(data: bytes, path: str) -> Picture:
            try:
                return await self._intake.decode(data)
            except InvalidInput as error:
                raise error.under(f"{path}.image.data") from None

        pictures = await together(decode(data, path) for data, path in paths.items())
        for picture, path in zip(pictures, paths.values(), strict=True):
            for notice in picture.notices:
                notices.append(Notice(notice.code, notice.message, f"{path}.image.data"))
        return dict(zip(paths, pictures, strict=True))

    async def _stored_vectors(
        self, collection: Collection, plans: tuple[LegPlan, ...]
    ) -> dict[str, Mapping[str, Vector]]:
        paths = {p.input.item_id: p.input_path for p in plans if isinstance(p.input, ItemIdInput)}
        if not paths:
            return {}
        ids = {layout.point_id(item_id): item_id for item_id in paths}
        found = await self._store.retrieve(collection.id, list(ids), vectors=True)
        vectors = {ids[point.id]: point.vectors for point in found}
        for item_id, path in paths.items():
            if item_id not in vectors:
                raise item_not_found(item_id, field=f"{path}.item_id")
        return vectors


def _key(plan: LegPlan, given: TextInput | ImageInput) -> Hashable:
    """What makes two legs' encodings the same: all sparse spaces share one producer."""
    producer = None if plan.space.kind is SpaceKind.SPARSE else plan.space.encoder_id
    return producer, given


def _fitting(plan: LegPlan, vector: Vector) -> Vector:
    problem = misfit(plan.space, vector, f"{plan.input_path}.vector", as_query=True)
    if problem is not None:
        raise InvalidInput([problem])
    return vector


def _lacks(plan: LegPlan, item_id: str) -> Notice:
    return Notice(
        WarningCode.LEG_SKIPPED,
        f"the item {item_id!r} has no vector {plan.space.name!r}, so this leg was not asked",
        plan.input_path,
    )
