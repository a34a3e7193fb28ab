"""Asks a server, through the real client, so that every leg's whole ranking comes back."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tools.demo_pictures.album import file_name
from tools.demo_pictures.scenes import Scene
from tools.quality.oracle import Floats, best_first, fused_scores, ranks_of
from tools.quality.questions import Question
from tools.quality.settings import LEGS, Setting, setting_of
from triptych import Client, SearchResponse, leg
from triptych.cli.where import parse_where
from triptych.v1.search_service_pb2 import SearchHit, VectorScore

# What the contract says of a leg that names no candidate_count, for limits up to 100.
DEFAULT_CANDIDATES = 100
# More than the collection holds: so every similarity is seen.
ALL = 1000
SHOWN = 10


class Mismatch(Exception):
    """The server's ranking is not the one that its own similarities give."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and its answer.

    ``items`` are the items' ids in the order of their point ids; ``similarities`` has a row for
    each of them and a column for each of ``LEGS``, NaN where there is none. ``first`` are the ids
    of the server's own first hits at its defaults, best first; ``default`` is what these were.
    """

    question: Question
    items: tuple[str, ...]
    similarities: Floats
    first: tuple[str, ...]
    default: Setting

    def ranking(self, setting: Setting) -> tuple[str, ...]:
        """What the oracle makes of the similarities, best first."""
        ranks = ranks_of(self.similarities, DEFAULT_CANDIDATES)
        scores = fused_scores(ranks, setting.weighting.weights, setting.k)
        return tuple(self.items[row] for row in best_first(scores))


def ids_of(scenes: Sequence[Scene]) -> dict[str, str]:
    """The item id of each scene's picture, by the scene's name."""
    return {scene.name: file_name(scene) for scene in scenes}


def first_hits(client: Client, collection: str, question: Question) -> SearchResponse:
    """The question asked as anyone would: no weights, no k."""
    where = parse_where(question.where)
    return client.search(collection, text=question.text, where=where, limit=SHOWN)


def ask(client: Client, collection: str, question: Question) -> Asked:
    """Asks for everything, then at the defaults, and compares the two.

    Raises:
        Mismatch: the server's first hits, their scores or their ranks are not the oracle's.
        TriptychError: the server refuses.
    """
    wide = client.search(
        collection,
        text=question.text,
        vectors=[leg(name, candidate_count=ALL) for name in LEGS],
        where=parse_where(question.where),
        limit=ALL,
    )
    hits = sorted(wide.hits, key=lambda hit: hit.item.point_id)
    similarities = np.array([_similarities(hit) for hit in hits]).reshape(-1, len(LEGS))
    plain = first_hits(client, collection, question)
    _check_ranks(question, hits, similarities)
    return Asked(
        question,
        tuple(hit.item.id for hit in hits),
        similarities,
        tuple(hit.item.id for hit in plain.hits),
        _checked_default(question, hits, similarities, plain),
    )


def _similarities(hit: SearchHit) -> list[float]:
    return [
        score.similarity if score.state == VectorScore.STATE_SCORED else math.nan
        for score in hit.vector_scores
    ]


def _check_ranks(question: Question, hits: Sequence[SearchHit], similarities: Floats) -> None:
    said = [
        [score.rank if score.HasField("rank") else math.inf for score in hit.vector_scores]
        for hit in hits
    ]
    if not np.array_equal(np.array(said).reshape(-1, len(LEGS)), ranks_of(similarities, ALL)):
        raise Mismatch(f"{question.text!r}: a leg's ranks are not the order of its similarities")


def _checked_default(
    question: Question, hits: Sequence[SearchHit], similarities: Floats, plain: SearchResponse
) -> Setting:
    """What the server fused with, once its order and its scores are found to be the formula's."""
    k, weights = plain.fusion.reciprocal_rank.k, [one.weight for one in plain.legs]
    names = tuple(one.vector_name for one in plain.legs)
    if names != LEGS:
        raise Mismatch(f"the server asks {', '.join(names)} and not {', '.join(LEGS)}")
    scores = fused_scores(ranks_of(similarities, DEFAULT_CANDIDATES), weights, k)
    wanted = best_first(scores)[: len(plain.hits)]
    if [hits[row].item.id for row in wanted] != [hit.item.id for hit in plain.hits]:
        raise Mismatch(f"{question.text!r}: the first hits stand in another order")
    if not np.allclose([hit.score for hit in plain.hits], scores[wanted], rtol=0, atol=1e-12):
        raise Mismatch(f"{question.text!r}: the scores are not those of the formula")
    return setting_of(weights, k)
