"""The encoders that this server runs, and whether a collection's vectors are theirs."""

from __future__ import annotations

from collections.abc import Sequence

from triptych_server.domain.collections import Collection, Source, SpaceKind, Stamp, VectorSpace
from triptych_server.domain.decoding import Detail
from triptych_server.domain.errors import Reason, WrongState, clip
from triptych_server.domain.ports import Encoder, Terms


class EncoderSet:
    """Encoders by id, the default one first, and the maker of term weights."""

    def __init__(self, encoders: Sequence[Encoder], terms: Terms) -> None:
        if not encoders:
            raise ValueError("a server needs at least one encoder")
        self._by_id = {encoder.info.id: encoder for encoder in encoders}
        self.terms = terms

    def all(self) -> tuple[Encoder, ...]:
        """Every encoder, the default one first."""
        return tuple(self._by_id.values())

    def get(self, encoder_id: str, *, field: str) -> Encoder:
        """The encoder of that id; the default where it is empty.

        Raises WrongState (ENCODER_UNKNOWN), its message naming the request's ``field``.
        """
        if not encoder_id:
            return next(iter(self._by_id.values()))
        encoder = self._by_id.get(encoder_id)
        if encoder is None:
            known = ", ".join(self._by_id)
            raise WrongState(
                Reason.ENCODER_UNKNOWN,
                f"{field}: no such encoder (got {clip(encoder_id)}, allowed {known})",
                subject=f"encoders/{clip(encoder_id)}",
            )
        return encoder

    def stamp_for(self, space: VectorSpace, language: str) -> Stamp | None:
        """The stamp that this server would give to vectors of ``space``; None for supplied ones."""
        if space.is_supplied:
            return None
        if space.kind is SpaceKind.SPARSE:
            return self.terms.stamp(language)
        info = self.get(space.encoder_id or "", field="encoder_id").info
        return info.image_stamp if Source.IMAGE in space.sources else info.text_stamp

    def of(self, collection: Collection, space: VectorSpace) -> Encoder:
        """The encoder of a dense or multi space of ``collection``.

        Raises WrongState: ENCODER_UNKNOWN where the server does not run it.
        """
        where = f"collection {collection.id!r}, vector {space.name!r}"
        return self.get(space.encoder_id or "", field=where)

    def detail(self, collection: Collection, space: VectorSpace) -> Detail | None:
        """What a picture is decoded to that is to be kept in ``space``, or asked of it.

        It is that of the encoder's pictures in this collection, where it has any: a picture beside
        texts is compared with them as one beside pictures is. Raises as ``of``.
        """
        encoder = self.of(collection, space)
        for one in (space, *collection.vector_spaces):
            if one.encoder_id == space.encoder_id:
                way = encoder.info.image_way(one.stamp)
                if way is not None:
                    return way.detail
        return encoder.info.image_ways[0].detail

    def check(self, collection: Collection, spaces: Sequence[VectorSpace]) -> None:
        """Refuse to mix what is not comparable.

        Raises WrongState (MODEL_MISMATCH, or ENCODER_UNKNOWN) where the vectors of one of
        ``spaces`` were made by another encoder, revision or preprocessing than the server's.
        """
        for space in spaces:
            if space.is_supplied:
                continue
            if space.kind is not SpaceKind.SPARSE:
                self.of(collection, space)
            if self._makes(space):
                continue
            mine = self.stamp_for(space, collection.language)
            if mine != space.stamp:
                raise WrongState(
                    Reason.MODEL_MISMATCH,
                    f"collection {collection.id!r}, vector {space.name!r}: its vectors were made "
                    f"by {_text(space.stamp)}, this server runs {_text(mine)}",
                    subject=f"collections/{collection.id}/vectors/{space.name}",
                )

    def _makes(self, space: VectorSpace) -> bool:
        """Whether pictures are taken in by one of this server's ways in ``space``."""
        if Source.IMAGE not in space.sources:
            return False
        info = self.get(space.encoder_id or "", field="encoder_id").info
        return info.image_way(space.stamp) is not None


def _text(stamp: Stamp | None) -> str:
    if stamp is None:
        return "no encoder"
    return f"{stamp.model} {stamp.revision} ({stamp.preprocessing})"
