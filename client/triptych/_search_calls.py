"""The client's calls of SearchService and EncodeService."""

from collections.abc import Mapping, Sequence

from triptych import _requests as requests
from triptych._calls import Calls
from triptych.filters import Where
from triptych.queries import ComposedLike, StoredVectorLike, search_inputs
from triptych.v1.encode_service_pb2 import EncodeResponse
from triptych.v1.filter_pb2 import Filter
from triptych.v1.search_service_pb2 import Fusion, SearchResponse, VectorQuery
from triptych.vectors import ImageLike, VectorLike


class SearchCalls(Calls):
    """Finds items, and turns texts and pictures into embeddings."""

    def search(
        self,
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
        timeout: float | None = None,
    ) -> SearchResponse:
        """Asks the named vectors and fuses their answers into one ranking that shows its working.

        With one input and nothing else, every vector space that can answer it takes part with
        its default weight: 0.25 for texts that an encoder has made vectors of, 1 for all others.

        Args:
            collection_id: the collection to search.
            text: words to look for.
            image: a picture to look for: bytes, a `pathlib.Path`, or a file opened for bytes.
            vector: a ready vector; see `triptych.vectors.to_vector`.
            item_id: a stored item, which stands for its own vector on each leg.
            stored_vector: one vector of a stored item, as `(item_id, vector_name)`, asked of every
                vector of the same encoder.
            composed: several of these put together, each a `part` with a weight of its own:
                `[part(image=...), part(text="a red background")]`.
            vectors: the legs, made with `leg`; a leg without an input has the one above.
            weights: a short form of `vectors`: the names of the legs, each with its weight.
                `{"image": 2, "terms": 1}` asks these two and no other.
            where: which items take part: made of `Field` and its like, or an expression such as
                `price < 20`, which `Filter.expression` describes.
            fusion: how the legs are put together, made with `reciprocal_rank`, `weighted_sum`,
                `max_score` or `min_score`; reciprocal rank where None.
            k: short for `fusion=reciprocal_rank(k=...)`.
            offset: how many of the first places to pass over.
            limit: how many hits at most; 10 where 0.
            score_threshold: the least score of a hit, on the fusion's own scale.
            return_fields, payload_keys: what comes with each hit's item; those of `get_item`.
            bypass_query_cache: have texts and pictures encoded anew, even where the server has
                just done that; `Leg.from_cache` says what came from its cache.
            timeout: seconds for this call; the client's own where None.

        Raises:
            InvalidArgument: QUERY_EMPTY, WEIGHT_*, LIMIT_*, FILTER_*, IMAGE_*, VECTOR_*,
                SCORE_THRESHOLD_INVALID, MEASURES_UNLIKE, PARTS_CANCEL_OUT.
            NotFound: COLLECTION_NOT_FOUND, ITEM_NOT_FOUND.
            FailedPrecondition: VECTOR_NAME_UNKNOWN, QUERY_UNANSWERABLE, MODEL_MISMATCH,
                FILTER_FIELD_UNINDEXED.
            ResourceExhausted: QUEUE_FULL, with `retry_after_s`.
            OSError: the picture's file can't be read.
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
        request = requests.search(
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
        return self._channel.call(self._searches.Search, request, timeout)

    def encode(
        self,
        *,
        texts: Sequence[str] = (),
        images: Sequence[ImageLike] = (),
        encoder_id: str = "",
        timeout: float | None = None,
    ) -> EncodeResponse:
        """Embeds up to 64 texts and pictures, without keeping anything.

        The embeddings are in the order of the texts and then of the pictures, of unit length.

        Raises:
            InvalidArgument: QUERY_EMPTY, TEXT_*, IMAGE_*.
            FailedPrecondition: ENCODER_UNKNOWN.
            ResourceExhausted: QUEUE_FULL, with `retry_after_s`.
            OSError: a picture's file can't be read.
        """
        request = requests.encode(texts, images, encoder_id)
        return self._channel.call(self._encoding.Encode, request, timeout)
