"""Legs and the exact scores of all that they find, in the engine's process.

Between the two nothing crosses the pipe, and the ids stay what the engine gives and takes: to write
one out and to read it again costs more than to score its point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from uuid import UUID

import qdrant_edge as edge

from triptych_server.domain.collections import Collection
from triptych_server.domain.filters import Filter
from triptych_server.domain.legs import LegQuery, UnionQuery
from triptych_server.store.edge_mapping import edge_query
from triptych_server.store.edge_protocol import UnionAnswer
from triptych_server.store.unions import Hit, Union


def query_unions(
    shard: edge.EdgeShard,
    collection: Collection,
    queries: Sequence[UnionQuery],
    compiled: Callable[[Filter], edge.Filter | None],
) -> list[UnionAnswer]:
    """Every union's candidates and scores, by two calls of the engine at most."""
    legs = [leg for query in queries for leg in query.legs]
    # Legs mostly share one filter. By identity: two that differ in 1 and True are equal.
    distinct = {id(leg.filter): leg.filter for leg in legs}
    filters = {key: compiled(filter) for key, filter in distinct.items()}
    found = _asked(shard, [edge_query(collection, leg, filters[id(leg.filter)]) for leg in legs])
    unions: list[Union[int, UUID]] = [Union(query) for query in queries]
    for union in unions:
        for _ in union.query.legs:
            union.add(_hits(next(found)))
    wanted = [(u, u.missing((i.int, i) for i in map(UUID, u.query.also))) for u in unions]
    requests = []
    for _, missing in wanted:
        for exact, ids in missing:
            within = edge.Filter(must=[edge.HasIdCondition(set(ids))])
            leg = LegQuery(exact.vector_name, exact.ask, len(ids), exact=True)
            requests.append(edge_query(collection, leg, within))
    found = _asked(shard, requests)
    answers = []
    for union, missing in wanted:
        scored = {id(exact): _scores(next(found)) for exact, _ in missing}
        answers.append((list(map(str, union.ids)), union.found, union.scores(scored)))
    return answers


def _asked(
    shard: edge.EdgeShard, requests: list[edge.QueryRequest]
) -> Iterator[list[edge.ScoredPoint]]:
    return iter(shard.query_batch(edge.QueryBatchRequest(requests)) if requests else ())


def _hits(points: Sequence[edge.ScoredPoint]) -> Iterator[Hit[int, UUID]]:
    """The key is the id's number: it sorts as the text does, and is cheaper to look up."""
    for point in points:
        id_ = point.id  # made anew at every look
        assert isinstance(id_, UUID)
        yield id_.int, id_, point.score


def _scores(points: Sequence[edge.ScoredPoint]) -> Iterator[tuple[int, float]]:
    return ((number, score) for number, _, score in _hits(points))
