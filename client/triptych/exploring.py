"""Examples and pairs of examples, and searches to be sent together."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from triptych import _requests as requests
from triptych._numbers import checked_count, checked_number
from triptych._texts import checked_text
from triptych.errors import argument_error
from triptych.filters import Where
from triptych.queries import ComposedLike, StoredVectorLike, query_input, search_inputs
from triptych.v1.filter_pb2 import Filter
from triptych.v1.search_service_pb2 import (
    ContextPair,
    Fusion,
    QueryInput,
    SearchRequest,
    VectorQuery,
    VectorWeight,
)
from triptych.vectors import ImageLike, VectorLike

__all__ = ["PairLike", "examples", "pair", "search_request", "vector_weight"]

PairLike: TypeAlias = ContextPair | tuple[QueryInput, QueryInput]
"""A pair of examples: what hits should be nearer to, and what they should be farther from."""


def examples(
    *,
    item_ids: Sequence[str] = (),
    texts: Sequence[str] = (),
    images: Sequence[ImageLike] = (),
    vectors: Sequence[VectorLike] = (),
    stored_vectors: Sequence[StoredVectorLike] = (),
) -> list[QueryInput]:
    """Examples of several kinds, in the order of the arguments; see `query_input` for one.

    Args:
        item_ids: stored items, each of which stands for its own vector on each leg.
        texts: words.
        images: pictures: bytes, `pathlib.Path`s, or files opened for bytes.
        vectors: ready vectors; see `triptych.vectors.to_vector`.
        stored_vectors: vectors of stored items, as `(item_id, vector_name)`.

    Raises:
        ArgumentError: one can't be put into a message.
        OSError: a picture's file can't be read.

    >>> from triptych import examples
    >>> [one.WhichOneof("input") for one in examples(item_ids=["cat-1"], texts=["a dog", "a fox"])]
    ['item_id', 'text', 'text']
    """
    for name, several in (("item_ids", item_ids), ("texts", texts), ("images", images)):
        if isinstance(several, str | bytes | bytearray | memoryview):
            raise argument_error(f"examples.{name}", "FIELD_INVALID", "needs a list, not one")
    return [
        *(query_input(item_id=one, field=f"item_ids[{i}]") for i, one in enumerate(item_ids)),
        *(query_input(text=one, field=f"texts[{i}]") for i, one in enumerate(texts)),
        *(query_input(image=one, field=f"images[{i}]") for i, one in enumerate(images)),
        *(query_input(vector=one, field=f"vectors[{i}]") for i, one in enumerate(vectors)),
        *(
            query_input(stored_vector=one, field=f"stored_vectors[{i}]")
            for i, one in enumerate(stored_vectors)
        ),
    ]


def pair(positive: QueryInput, negative: QueryInput) -> ContextPair:
    """Two examples: hits should be nearer to `positive` than to `negative`.

    >>> from triptych import pair, query_input
    >>> pair(query_input(text="a cat"), query_input(text="a dog")).negative.text
    'a dog'
    """
    return ContextPair(positive=positive, negative=negative)


def vector_weight(
    vector_name: str,
    *,
    weight: float | None = None,
    candidate_count: int | None = None,
    score_threshold: float | None = None,
) -> VectorWeight:
    """One leg of a recommendation, a discovery or a search by context.

    Args:
        vector_name: the vector space.
        weight: 0 to 1000; where None 0.25 for texts that an encoder has made vectors of
            (`caption`, `ocr`), 1 for all others. A leg of weight 0 only shows its scores.
        candidate_count: how many items this leg brings in, up to 5000.
        score_threshold: the least score that this leg accepts, on its own scale: see
            `VectorWeight.score_threshold` in the contract.

    Raises:
        ArgumentError: a value that can't be put into a message.
    """
    path = f"vectors[{vector_name}]"
    return VectorWeight(
        vector_name=checked_text(vector_name, "vector_name"),
        weight=checked_number(weight, f"{path}.weight"),
        candidate_count=None
        if candidate_count is None
        else checked_count(candidate_count, f"{path}.candidate_count"),
        score_threshold=checked_number(score_threshold, f"{path}.score_threshold"),
    )


def search_request(
    collection_id: str,
    *,
    text: str | None = None,
    image: ImageLike | None = None,
    vector: VectorLike | None = None,
    item_id: str | None = None,
    stored_vector: StoredVectorLike | None = None,
    composed: ComposedLike | None = None,
    vectors: Sequence[VectorQuery] = (),
    weights: Mapping[str, float] | None = None,
    where: Where | Filter | str | None = None,
    fusion: Fusion | None = None,
    k: float | None = None,
    offset: int = 0,
    limit: int = 0,
    score_threshold: float | None = None,
    return_fields: Sequence[str] = (),
    payload_keys: Sequence[str] = (),
    bypass_query_cache: bool = False,
) -> SearchRequest:
    """A search for `Client.batch_search` or `Client.explain`, of the arguments of `Client.search`.

    Raises:
        ArgumentError: what can't be put into a message; see `Client.search`.
        OSError: the picture's file can't be read.

    >>> from triptych import search_request
    >>> search_request("pictures", text="a cat", limit=3).input.text
    'a cat'
    """
    found, legs = search_inputs(
        text=text,
        image=image,
        vector=vector,
        item_id=item_id,
        stored_vector=stored_vector,
        composed=composed,
        vectors=vectors,
        weights=weights,
    )
    return requests.search(
        collection_id,
        found,
        legs,
        where,
        k,
        limit,
        return_fields,
        payload_keys,
        fusion=fusion,
        offset=offset,
        score_threshold=score_threshold,
        bypass_query_cache=bypass_query_cache,
    )
