"""An explanation in words."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from triptych.v1.search_service_pb2 import (
    ExplainResponse,
    FilterClause,
    LegExplanation,
    VectorScore,
)

__all__ = ["explanation_text"]

_MOST_RANKED = 10_000


def explanation_text(answer: ExplainResponse) -> str:
    """What `Client.explain` answered, as lines for people.

    First whether the item is in the answer, then a sentence for each cause that keeps it out, then
    a line for each leg, and one for each clause of the filter. The wording may change; programs
    read `outcome` and `causes`.

    >>> from triptych import explanation_text, search_request
    >>> search = search_request("pictures", text="a cat", weights={"terms": 1}, where="price > 20")
    >>> print(explanation_text(client.explain(search, "cat-1")))
    'cat-1' is not in the answer.
    It does not pass the filter: price > 20.
    terms ×1: similarity 0.4855, exact rank 1; it would be among the 100 candidates.
    filter: fails price > 20
    """
    name = repr(answer.item_id)
    lines = []
    if answer.outcome == ExplainResponse.OUTCOME_IN_ANSWER:
        place = f"rank {answer.hit.rank} of {answer.ranked_count}"
        lines.append(f"{name} is in the answer: {place}, score {answer.hit.score:.4g}.")
    else:
        lines.append(f"{name} is not in the answer.")
    lines += [_sentence(cause, answer) for cause in answer.causes]
    kept_out = _is_kept_out(answer)
    lines += [f"{_leg_name(leg)}: {_leg_text(leg, kept_out=kept_out)}" for leg in answer.legs]
    lines += [
        f"filter: {'passes' if clause.passes else 'fails'} {_clause(clause)}"
        for clause in answer.clauses
    ]
    return "\n".join(lines)


_PLAIN: Mapping[ExplainResponse.Outcome.ValueType, str] = MappingProxyType(
    {
        ExplainResponse.OUTCOME_USED_AS_INPUT: (
            "The search is asked with it, and such items are never hits."
        ),
        ExplainResponse.OUTCOME_NO_SUCH_VECTOR: "It has none of the vectors that are asked.",
        ExplainResponse.OUTCOME_NO_SHARED_TERM: "It shares no term with the query.",
        ExplainResponse.OUTCOME_BELOW_LEG_THRESHOLD: (
            "No leg accepts its similarity: it is below their thresholds."
        ),
        ExplainResponse.OUTCOME_OUTSIDE_CANDIDATES: (
            "Others are nearer: no leg has it among its candidates."
        ),
    }
)


def _sentence(cause: ExplainResponse.Outcome.ValueType, answer: ExplainResponse) -> str:
    hit = answer.hit
    match cause:
        case ExplainResponse.OUTCOME_FILTERED_OUT:
            failed = [_clause(clause) for clause in answer.clauses if not clause.passes]
            return f"It does not pass the filter: {'; '.join(failed)}."
        case ExplainResponse.OUTCOME_BELOW_SCORE_THRESHOLD:
            least = f"the score threshold of {answer.score_threshold:.4g}"
            return (
                f"Its score {hit.score:.4g} is below {least}; without it, it has rank {hit.rank}."
            )
        case ExplainResponse.OUTCOME_OUTSIDE_PAGE:
            first, last = answer.offset + 1, answer.offset + answer.limit
            return f"Its rank {hit.rank} is not on the page of ranks {first} to {last}."
        case _:
            # A newer server may know causes that this client does not.
            return _PLAIN.get(cause, f"It is kept out by cause {cause}.")


def _is_kept_out(answer: ExplainResponse) -> bool:
    """Whether no leg was let at the item."""
    out = {ExplainResponse.OUTCOME_USED_AS_INPUT, ExplainResponse.OUTCOME_FILTERED_OUT}
    return bool(out & set(answer.causes))


def _leg_name(explained: LegExplanation) -> str:
    return f"{explained.leg.vector_name} ×{explained.leg.weight:g}"


def _leg_text(explained: LegExplanation, *, kept_out: bool) -> str:
    score = explained.score
    if score.state == VectorScore.STATE_NO_SUCH_VECTOR:
        return "it has no such vector."
    if score.state == VectorScore.STATE_NO_SHARED_TERM:
        return "it shares no term with the query."
    if explained.beyond_ranks:
        place = f"more than {_MOST_RANKED} are at least as near"
    else:
        place = f"exact rank {explained.exact_rank}"
    said = "; ".join(_standing(explained, kept_out=kept_out))
    return f"similarity {score.similarity:.4g}, {place}; {said}."


def _standing(explained: LegExplanation, *, kept_out: bool) -> Iterator[str]:
    leg, score = explained.leg, explained.score
    if ExplainResponse.OUTCOME_BELOW_LEG_THRESHOLD in explained.causes:
        yield f"below the leg's threshold of {leg.score_threshold:.4g}"
    if ExplainResponse.OUTCOME_OUTSIDE_CANDIDATES in explained.causes:
        needed = f", it takes {explained.least_candidate_count}"
        known = explained.HasField("least_candidate_count")
        yield f"not among the {leg.candidate_count} candidates{needed if known else ''}"
    if not explained.causes:
        if kept_out:
            yield f"it would be among the {leg.candidate_count} candidates"
        else:
            yield f"rank {score.rank} among the candidates, adds {score.contribution:.4g}"
    elif score.contribution:
        yield f"adds {score.contribution:.4g}"


def _clause(clause: FilterClause) -> str:
    return clause.text or clause.field
