"""What to look for, and on which legs."""

from collections.abc import Mapping, Sequence

from triptych._numbers import checked_count, checked_number
from triptych._texts import checked_text
from triptych.errors import argument_error
from triptych.v1.search_service_pb2 import QueryInput, VectorQuery
from triptych.vectors import ImageLike, VectorLike, to_image, to_vector

__all__ = ["leg", "query_input"]


def query_input(
    *,
    text: str | None = None,
    image: ImageLike | None = None,
    vector: VectorLike | None = None,
    item_id: str | None = None,
    field: str = "input",
) -> QueryInput:
    """What to look for: words, a picture, a ready vector or a stored item; exactly one of them.

    Args:
        text: words.
        image: a picture: the bytes of a file, a `pathlib.Path`, or a file opened for bytes.
        vector: a ready vector; see `triptych.vectors.to_vector` for what it may be.
        item_id: a stored item, which stands for its own vector on each leg.
        field: where the input stands in the request, for the paths in errors.

    Raises:
        ArgumentError: none (QUERY_EMPTY) or several (FIELD_INVALID) are given, or one can't be
            put into a message.
        OSError: the picture's file can't be read.

    >>> query_input(text="a cup of coffee").text
    'a cup of coffee'
    """
    found = _optional_input(text, image, vector, item_id, field)
    if found is None:
        raise argument_error(field, "QUERY_EMPTY", "set one of text, image, vector, item_id")
    return found


def leg(
    vector_name: str,
    *,
    weight: float | None = None,
    candidate_count: int | None = None,
    text: str | None = None,
    image: ImageLike | None = None,
    vector: VectorLike | None = None,
    item_id: str | None = None,
) -> VectorQuery:
    """One leg of a search: a named vector, how much it counts, and what it looks for.

    Args:
        vector_name: the vector space.
        weight: 0 to 1000; the server's default is 1. A leg of weight 0 only shows its similarities.
        candidate_count: how many items this leg brings in, up to 5000.
        text, image, vector, item_id: the leg's own input, one at most; the search's where absent.

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
        input=_optional_input(text, image, vector, item_id, f"vectors[{vector_name}].input"),
    )


def search_inputs(
    *,
    text: str | None,
    image: ImageLike | None,
    vector: VectorLike | None,
    item_id: str | None,
    vectors: Sequence[VectorQuery],
    weights: Mapping[str, float] | None,
) -> tuple[QueryInput | None, list[VectorQuery]]:
    """The input and the legs of a search request.

    Raises:
        ArgumentError: nothing to look for (QUERY_EMPTY); both `vectors` and `weights`, or several
            inputs (FIELD_INVALID).
    """
    found = _optional_input(text, image, vector, item_id, "input")
    if weights is not None and vectors:
        raise argument_error("weights", "FIELD_INVALID", "give either vectors or weights")
    legs = [leg(name, weight=weight) for name, weight in (weights or {}).items()] or list(vectors)
    if found is None and not (legs and all(one.HasField("input") for one in legs)):
        raise argument_error(
            "input",
            "QUERY_EMPTY",
            "set one of text, image, vector, item_id, or give every leg an input of its own",
        )
    return found, legs


def _optional_input(
    text: str | None,
    image: ImageLike | None,
    vector: VectorLike | None,
    item_id: str | None,
    field: str,
) -> QueryInput | None:
    given = {"text": text, "image": image, "vector": vector, "item_id": item_id}
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
    return None
