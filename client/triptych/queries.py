"""What to look for, and on which legs."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from triptych._kinds import checked_kinds, checked_mapping
from triptych._numbers import checked_count, checked_number
from triptych._texts import checked_text
from triptych.errors import argument_error
from triptych.v1.search_service_pb2 import (
    Composed,
    ComposedPart,
    QueryInput,
    StoredVector,
    VectorQuery,
)
from triptych.vectors import ImageLike, VectorLike, to_image, to_vector

__all__ = ["ComposedLike", "StoredVectorLike", "composed", "leg", "part", "query_input"]

StoredVectorLike: TypeAlias = StoredVector | tuple[str, str]
"""A vector of a stored item: the item's id, and which of its vectors."""

ComposedLike: TypeAlias = Composed | ComposedPart | Sequence[ComposedPart]
"""Several inputs put together into one: what `composed` makes, or its parts alone."""

_PARTS = "set one of text, image, vector, item_id, stored_vector"
_INPUTS = f"{_PARTS}, composed"


def query_input(
    *,
    text: str | None = None,
    image: ImageLike | None = None,
    vector: VectorLike | None = None,
    item_id: str | None = None,
    stored_vector: StoredVectorLike | None = None,
    composed: ComposedLike | None = None,
    field: str = "input",
) -> QueryInput:
    """What to look for: words, a picture, a vector, a stored item or several; exactly one of them.

    Args:
        text: words.
        image: a picture: the bytes of a file, a `pathlib.Path`, or a file opened for bytes.
        vector: a ready vector; see `triptych.vectors.to_vector` for what it may be.
        item_id: a stored item, which stands for its own vector on each leg.
        stored_vector: one vector of a stored item, as `(item_id, vector_name)`, to be asked of
            vectors of other names too.
        composed: several of these put together, made with `part`.
        field: where the input stands in the request, for the paths in errors.

    Raises:
        ArgumentError: none (QUERY_EMPTY) or several (FIELD_INVALID) are given, or one can't be
            put into a message.
        OSError: the picture's file can't be read.

    >>> query_input(text="a cup of coffee").text
    'a cup of coffee'
    """
    found = _optional_input(text, image, vector, item_id, stored_vector, composed, field)
    if found is None:
        raise argument_error(field, "QUERY_EMPTY", _INPUTS)
    return found


def part(
    *,
    weight: float | None = None,
    text: str | None = None,
    image: ImageLike | None = None,
    vector: VectorLike | None = None,
    item_id: str | None = None,
    stored_vector: StoredVectorLike | None = None,
) -> ComposedPart:
    """One part of a composed input: what it shows, and how much it counts.

    Args:
        weight: -1000 to 1000 and not 0; 1 where None. Below 0 it leads away from what it shows.
        text, image, vector, item_id, stored_vector: exactly one of them, as `query_input` takes
            them; a vector has to be dense.

    Raises:
        ArgumentError: none (QUERY_EMPTY) or several (FIELD_INVALID) are given, or one can't be
            put into a message.
        OSError: the picture's file can't be read.

    >>> part(text="a red background").text
    'a red background'
    """
    found = _optional_input(text, image, vector, item_id, stored_vector, None, "part")
    if found is None:
        raise argument_error("part", "QUERY_EMPTY", _PARTS)
    made = ComposedPart(weight=checked_number(weight, "part.weight"))
    match found.WhichOneof("input"):
        case "text":
            made.text = found.text
        case "image":
            made.image.CopyFrom(found.image)
        case "vector":
            made.vector.CopyFrom(found.vector)
        case "item_id":
            made.item_id = found.item_id
        case _:
            made.stored_vector.CopyFrom(found.stored_vector)
    return made


def composed(*parts: ComposedPart) -> Composed:
    """Several inputs put together into one query vector: this picture, but in red.

    The vectors of the parts are brought to unit length, multiplied by the weights and added up;
    only the proportions of the weights count. Each hit says in `VectorScore.part_shares` what each
    part has put into its similarity.

    Args:
        parts: 1 to 16 parts, made with `part`.

    >>> from pathlib import Path
    >>> in_red = composed(
    ...     part(image=Path("cat.jpg")),
    ...     part(text="a red background"),
    ...     part(text="a blue background", weight=-1),
    ... )
    >>> answer = client.search("pictures", composed=in_red)
    >>> [len(score.part_shares) for score in answer.hits[0].vector_scores]
    [0, 3, 0]
    """
    return Composed(parts=parts)


def leg(
    vector_name: str,
    *,
    weight: float | None = None,
    candidate_count: int | None = None,
    text: str | None = None,
    image: ImageLike | None = None,
    vector: VectorLike | None = None,
    item_id: str | None = None,
    stored_vector: StoredVectorLike | None = None,
    composed: ComposedLike | None = None,
    score_threshold: float | None = None,
) -> VectorQuery:
    """One leg of a search: a named vector, how much it counts, and what it looks for.

    Args:
        vector_name: the vector space.
        weight: 0 to 1000; where None 0.25 for texts that an encoder has made vectors of
            (`caption`, `ocr`), 1 for all others. A leg of weight 0 only shows its similarities.
        candidate_count: how many items this leg brings in, up to 5000.
        text, image, vector, item_id, stored_vector, composed: the leg's own input, one at most,
            as `query_input` takes them; the search's where absent.
        score_threshold: the least similarity that this leg accepts, -1 to 1 for a cosine. What is
            below is no candidate of this leg; where another brings it in, this one adds nothing.

    Raises:
        ArgumentError: several inputs, or a value that can't be put into a message.
        OSError: the picture's file can't be read.

    >>> from pathlib import Path
    >>> legs = [leg("image", image=Path("cat.jpg"), weight=2), leg("terms", text="asleep")]
    >>> [one.vector_name for one in client.search("pictures", vectors=legs).legs]
    ['image', 'terms']
    """
    return VectorQuery(
        vector_name=checked_text(vector_name, "vector_name"),
        weight=checked_number(weight, f"vectors[{vector_name}].weight"),
        candidate_count=None
        if candidate_count is None
        else checked_count(candidate_count, f"vectors[{vector_name}].candidate_count"),
        input=_optional_input(
            text, image, vector, item_id, stored_vector, composed, f"vectors[{vector_name}].input"
        ),
        score_threshold=checked_number(score_threshold, f"vectors[{vector_name}].score_threshold"),
    )


def search_inputs(
    *,
    text: str | None,
    image: ImageLike | None,
    vector: VectorLike | None,
    item_id: str | None,
    vectors: Sequence[VectorQuery],
    weights: Mapping[str, float] | None,
    stored_vector: StoredVectorLike | None = None,
    composed: ComposedLike | None = None,
) -> tuple[QueryInput | None, list[VectorQuery]]:
    """The input and the legs of a search request.

    Raises:
        ArgumentError: nothing to look for (QUERY_EMPTY); both `vectors` and `weights`, or several
            inputs (FIELD_INVALID).
    """
    found = _optional_input(text, image, vector, item_id, stored_vector, composed, "input")
    if weights is not None and vectors:
        raise argument_error("weights", "FIELD_INVALID", "give either vectors or weights")
    weighted = {} if weights is None else checked_mapping(weights, "weights")
    legs = [leg(name, weight=weight) for name, weight in weighted.items()] or checked_kinds(
        vectors, VectorQuery, "vectors", "leg"
    )
    if found is None and not (legs and all(one.HasField("input") for one in legs)):
        raise argument_error(
            "input", "QUERY_EMPTY", f"{_INPUTS}, or give every leg an input of its own"
        )
    return found, legs


def _optional_input(
    text: str | None,
    image: ImageLike | None,
    vector: VectorLike | None,
    item_id: str | None,
    stored_vector: StoredVectorLike | None,
    composed: ComposedLike | None,
    field: str,
) -> QueryInput | None:
    given = {
        "text": text,
        "image": image,
        "vector": vector,
        "item_id": item_id,
        "stored_vector": stored_vector,
        "composed": composed,
    }
    names = [name for name, value in given.items() if value is not None]
    if len(names) > 1:
        raise argument_error(
            field, "FIELD_INVALID", "set only one input", got=" and ".join(names), allowed="one"
        )
    if text is not None:
        return QueryInput(text=checked_text(text, f"{field}.text"))
    if image is not None:
        return QueryInput(image=to_image(image, field=f"{field}.image"))
    if vector is not None:
        return QueryInput(vector=to_vector(vector, field=f"{field}.vector"))
    if item_id is not None:
        return QueryInput(item_id=checked_text(item_id, f"{field}.item_id"))
    if stored_vector is not None:
        return QueryInput(stored_vector=_stored_vector(stored_vector, f"{field}.stored_vector"))
    if composed is not None:
        return QueryInput(composed=_composed(composed, f"{field}.composed"))
    return None


def _composed(given: ComposedLike, field: str) -> Composed:
    if isinstance(given, Composed):
        return given
    parts = [given] if isinstance(given, ComposedPart) else list(given)
    for place, one in enumerate(parts):
        if not isinstance(one, ComposedPart):
            raise argument_error(
                f"{field}.parts[{place}]", "FIELD_INVALID", "is no part", got=repr(one)
            )
    return Composed(parts=parts)


def _stored_vector(given: StoredVectorLike, field: str) -> StoredVector:
    if isinstance(given, StoredVector):
        return given
    if not isinstance(given, tuple) or len(given) != 2:
        raise argument_error(
            field, "FIELD_INVALID", "needs an item's id and a vector's name", got=repr(given)
        )
    item_id, name = given
    return StoredVector(
        item_id=checked_text(item_id, f"{field}.item_id"),
        vector_name=checked_text(name, f"{field}.vector_name"),
    )
