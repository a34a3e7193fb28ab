"""SearchService: requests into queries, results into messages."""

from __future__ import annotations

import math
from collections.abc import Sequence

from triptych.v1 import search_service_pb2 as pb
from triptych_server.domain.errors import Reason
from triptych_server.domain.exploration import loss, side
from triptych_server.domain.items import Notice
from triptych_server.domain.limits import Limits
from triptych_server.domain.queries import (
    ExamplesQuery,
    FieldSelection,
    ImageInput,
    InputKind,
    ItemIdInput,
    Leg,
    PlainInput,
    QueryInput,
    ScoreState,
    SearchHit,
    SearchQuery,
    SearchResult,
    StoredVectorInput,
    TextInput,
    VectorInput,
    VectorQuery,
    VectorScore,
)
from triptych_server.domain.questions import Context, Discover, Pair, Recommend
from triptych_server.wire.common import (
    render_stamp,
    render_tokens,
    render_warnings,
)
from triptych_server.wire.composed import parse_composed
from triptych_server.wire.filters import parse_filter, render_filter
from triptych_server.wire.fusion import parse_fusion, parse_threshold, render_fusion, set_bounds
from triptych_server.wire.item_answers import render_item
from triptych_server.wire.selection import parse_selection
from triptych_server.wire.texts import parse_collection_id, parse_item_id, parse_text
from triptych_server.wire.vectors import parse_vector
from triptych_server.wire.violations import Violations

DEFAULT_LIMIT = 10
_PARTS = "set one of text, image, vector, item_id, stored_vector"
INPUTS = f"{_PARTS}, composed"

_KINDS = {
    InputKind.TEXT: pb.Leg.INPUT_KIND_TEXT,
    InputKind.IMAGE: pb.Leg.INPUT_KIND_IMAGE,
    InputKind.VECTOR: pb.Leg.INPUT_KIND_VECTOR,
    InputKind.ITEM_ID: pb.Leg.INPUT_KIND_ITEM_ID,
    InputKind.STORED_VECTOR: pb.Leg.INPUT_KIND_STORED_VECTOR,
    InputKind.COMPOSED: pb.Leg.INPUT_KIND_COMPOSED,
}
_STATES = {
    ScoreState.SCORED: pb.VectorScore.STATE_SCORED,
    ScoreState.BELOW_THRESHOLD: pb.VectorScore.STATE_BELOW_THRESHOLD,
    ScoreState.NO_SHARED_TERM: pb.VectorScore.STATE_NO_SHARED_TERM,
    ScoreState.NO_SUCH_VECTOR: pb.VectorScore.STATE_NO_SUCH_VECTOR,
}
_VERDICTS = {
    1: pb.PairScore.VERDICT_SATISFIED,
    -1: pb.PairScore.VERDICT_VIOLATED,
    0: pb.PairScore.VERDICT_TIE,
}


def parse_search(
    message: pb.SearchRequest, limits: Limits
) -> tuple[SearchQuery, tuple[Notice, ...]]:
    """The query, and what was done to its texts. Raises InvalidInput with every violation."""
    violations = Violations()
    notices: list[Notice] = []
    collection_id = parse_collection_id(message.collection_id, violations)
    given = None
    if message.HasField("input"):
        given = parse_input(message.input, limits, violations, "input", notices)
    elif not message.vectors or not all(v.HasField("input") for v in message.vectors):
        violations.add("input", Reason.QUERY_EMPTY, INPUTS)
    limit = parse_limit(message.limit, limits, violations)
    query = SearchQuery(
        collection_id=collection_id,
        input=given,
        vectors=_parse_vectors(message, given, limits, violations, notices),
        fusion=parse_fusion(message.fusion, violations),
        filter=parse_filter(message.filter, limits, violations),
        offset=parse_offset(message.offset, limit, limits, violations),
        limit=limit,
        score_threshold=parse_threshold(message.score_threshold, violations, "score_threshold")
        if message.HasField("score_threshold")
        else None,
        fields=parse_selection(message.return_fields, message.payload_keys, violations),
        bypass_query_cache=message.bypass_query_cache,
    )
    check_candidates(query, limits, violations)
    violations.raise_if_any()
    return query, tuple(notices)


def render_search(
    result: SearchResult, query: SearchQuery, notices: tuple[Notice, ...]
) -> pb.SearchResponse:
    """The answer with its working."""
    return pb.SearchResponse(
        hits=[render_hit(hit, query.fields) for hit in result.hits],
        legs=[render_leg(leg) for leg in result.legs],
        fusion=render_fusion(result.fusion),
        warnings=render_warnings((*notices, *result.notices)),
        score_threshold=result.score_threshold,
        canonical_filter=render_filter(result.filter),
    )


def parse_input(
    message: pb.QueryInput,
    limits: Limits,
    violations: Violations,
    path: str,
    notices: list[Notice],
) -> QueryInput | None:
    """One input, and what was done to its text; None where something is wrong with it."""
    if message.WhichOneof("input") == "composed":
        return parse_composed(
            message.composed,
            limits,
            violations,
            f"{path}.composed",
            lambda part, where: _parse_plain(part, limits, violations, where, notices),
        )
    return _parse_plain(message, limits, violations, path, notices)


def _parse_plain(
    message: pb.QueryInput | pb.ComposedPart,
    limits: Limits,
    violations: Violations,
    path: str,
    notices: list[Notice],
) -> PlainInput | None:
    kind = message.WhichOneof("input")
    if kind == "text":
        text = parse_text(message.text, limits, violations, f"{path}.text", notices)
        return TextInput(text)
    if kind == "image":
        if not message.image.data:
            violations.add(f"{path}.image.data", Reason.IMAGE_EMPTY, "0 bytes")
        return ImageInput(message.image.data)
    if kind == "vector":
        vector = parse_vector(message.vector, limits, violations, f"{path}.vector")
        return None if vector is None else VectorInput(vector)
    if kind == "item_id":
        return ItemIdInput(parse_item_id(message.item_id, limits, violations, f"{path}.item_id"))
    if kind == "stored_vector":
        stored, path = message.stored_vector, f"{path}.stored_vector"
        item_id = parse_item_id(stored.item_id, limits, violations, f"{path}.item_id")
        if not stored.vector_name:
            violations.add(f"{path}.vector_name", Reason.FIELD_REQUIRED, "is not set")
        return StoredVectorInput(item_id, stored.vector_name)
    inputs = INPUTS if isinstance(message, pb.QueryInput) else _PARTS
    violations.add(path, Reason.QUERY_EMPTY, inputs)
    return None


def _parse_vectors(
    message: pb.SearchRequest,
    given: QueryInput | None,
    limits: Limits,
    violations: Violations,
    notices: list[Notice],
) -> tuple[VectorQuery, ...]:
    if not has_few_legs(message.vectors, limits, violations):
        return ()
    legs = []
    for place, wanted in enumerate(message.vectors):
        path = f"vectors[{place}]"
        if not wanted.vector_name:
            violations.add(f"{path}.vector_name", Reason.FIELD_REQUIRED, "is not set")
        own = wanted.HasField("input")
        input_path = f"{path}.input" if own else "input"
        leg_input = (
            parse_input(wanted.input, limits, violations, input_path, notices) if own else given
        )
        weight = parse_weight(wanted, limits, violations, f"{path}.weight")
        count = parse_candidates(wanted, limits, violations, f"{path}.candidate_count")
        threshold = None
        if wanted.HasField("score_threshold"):
            where = f"{path}.score_threshold"
            threshold = parse_threshold(wanted.score_threshold, violations, where)
        if leg_input is not None:
            legs.append(
                VectorQuery(
                    wanted.vector_name, leg_input, weight, count, path, input_path, threshold
                )
            )
    check_weights(message.vectors, violations)
    return tuple(legs)


def has_few_legs(
    legs: Sequence[pb.VectorQuery] | Sequence[pb.VectorWeight],
    limits: Limits,
    violations: Violations,
) -> bool:
    """Whether the legs are few enough; else it is noted."""
    if len(legs) <= limits.max_legs:
        return True
    violations.add(
        "vectors",
        Reason.LIMIT_TOO_LARGE,
        "too many legs",
        got=len(legs),
        allowed=limits.max_legs,
    )
    return False


def check_weights(
    legs: Sequence[pb.VectorQuery] | Sequence[pb.VectorWeight], violations: Violations
) -> None:
    """Notes it where all weights are 0."""
    if legs and all(leg.HasField("weight") and leg.weight == 0 for leg in legs):
        violations.add("vectors", Reason.WEIGHTS_ALL_ZERO, "all weights are 0")


def parse_weight(
    message: pb.VectorQuery | pb.VectorWeight, limits: Limits, violations: Violations, path: str
) -> float | None:
    """The weight of a leg; None where its space's own counts."""
    if not message.HasField("weight"):
        return None
    weight = message.weight
    allowed = f"0 to {limits.max_weight:g}"
    if not math.isfinite(weight):
        violations.add(path, Reason.WEIGHT_NOT_FINITE, "is not finite", got=weight, allowed=allowed)
    elif weight < 0:
        violations.add(path, Reason.WEIGHT_NEGATIVE, "is negative", got=weight, allowed=allowed)
    elif weight > limits.max_weight:
        violations.add(path, Reason.WEIGHT_TOO_LARGE, "is too large", got=weight, allowed=allowed)
    return weight


def parse_candidates(
    message: pb.VectorQuery | pb.VectorWeight, limits: Limits, violations: Violations, path: str
) -> int | None:
    """How many candidates a leg brings in; None for the default."""
    if not message.HasField("candidate_count"):
        return None
    count = message.candidate_count
    if count < 1:
        violations.add(path, Reason.LIMIT_INVALID, "is not positive", got=count)
    elif count > limits.max_candidate_count:
        violations.add(
            path,
            Reason.LIMIT_TOO_LARGE,
            "is too large",
            got=count,
            allowed=limits.max_candidate_count,
        )
    return count


def parse_limit(limit: int, limits: Limits, violations: Violations) -> int:
    """How many hits at most."""
    if limit < 0:
        violations.add("limit", Reason.LIMIT_INVALID, "is negative", got=limit)
    elif limit > limits.max_limit:
        violations.add(
            "limit", Reason.LIMIT_TOO_LARGE, "is too large", got=limit, allowed=limits.max_limit
        )
    return limit or DEFAULT_LIMIT


def parse_offset(offset: int, limit: int, limits: Limits, violations: Violations) -> int:
    """How many of the first places to pass over."""
    if offset < 0:
        violations.add("offset", Reason.LIMIT_INVALID, "is negative", got=offset)
    elif offset and offset + limit > limits.max_candidate_count:
        violations.add(
            "offset",
            Reason.LIMIT_TOO_LARGE,
            "offset and limit together are too large",
            got=offset + limit,
            allowed=limits.max_candidate_count,
        )
    return offset


def check_candidates(
    query: SearchQuery | ExamplesQuery, limits: Limits, violations: Violations
) -> None:
    """Notes it where the legs that are named bring in too many candidates in all."""
    # A limit or an offset that is too large has been noted already.
    default = min(query.default_candidates, limits.max_candidate_count)
    total = sum(leg.candidate_count or default for leg in query.vectors)
    if total > limits.max_total_candidates:
        violations.add(
            "vectors",
            Reason.LIMIT_TOO_LARGE,
            "too many candidates in all",
            got=total,
            allowed=limits.max_total_candidates,
        )


def render_hit(hit: SearchHit, fields: FieldSelection) -> pb.SearchHit:
    """A hit with its working."""
    return pb.SearchHit(
        item=render_item(hit.item, fields),
        rank=hit.rank,
        score=hit.score,
        vector_scores=[render_score(score) for score in hit.vector_scores],
    )


def render_score(score: VectorScore) -> pb.VectorScore:
    """What a leg says of an item."""
    message = pb.VectorScore(
        state=_STATES[score.state],
        similarity=score.similarity,
        rank=score.rank,
        contribution=score.contribution,
        normalized_score=score.normalized,
        part_shares=score.part_shares,
    )
    match score.examples:
        case Recommend(_, positives, negatives):
            message.positive_similarities.extend(positives)
            message.negative_similarities.extend(negatives)
        case Discover(target, pairs):
            message.target_similarity = target
            message.pairs.extend(_render_pair(pair, side(pair)) for pair in pairs)
        case Context(pairs):
            message.pairs.extend(_render_pair(pair, loss(pair)) for pair in pairs)
    return message


def _render_pair(pair: Pair[float], score: float) -> pb.PairScore:
    return pb.PairScore(
        verdict=_VERDICTS[side(pair)],
        positive_similarity=pair.positive,
        negative_similarity=pair.negative,
        score=score,
    )


def render_leg(leg: Leg) -> pb.Leg:
    """What a leg did."""
    kind = leg.input_kind
    message = pb.Leg(
        vector_name=leg.vector_name,
        input_kind=pb.Leg.INPUT_KIND_EXAMPLES if kind is None else _KINDS[kind],
        weight=leg.weight,
        candidate_count=leg.candidate_count,
        candidates_found=leg.candidates_found,
        stamp=render_stamp(leg.stamp),
        tokens=render_tokens(leg.tokens),
        score_threshold=leg.score_threshold,
        from_cache=leg.from_cache,
        parts=[
            pb.LegPart(
                input_kind=_KINDS[part.kind], weight=part.weight, tokens=render_tokens(part.tokens)
            )
            for part in leg.parts
        ],
        examples=[
            pb.LegExample(
                field=example.path,
                input_kind=_KINDS[example.input_kind],
                tokens=render_tokens(example.tokens),
            )
            for example in leg.examples
        ],
    )
    set_bounds(message, leg)
    return message
