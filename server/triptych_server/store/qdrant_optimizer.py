"""Optimizing on a Qdrant server: it sees to its indexes by itself."""

from __future__ import annotations

from triptych_server.domain.errors import Reason, WrongState, clip
from triptych_server.domain.optimization import Optimization
from triptych_server.domain.ports import VectorStore


class QdrantOptimizer:
    """``domain.optimization.Optimizer`` that has nothing to do."""

    def __init__(self, store: VectorStore) -> None:
        self._store = store

    async def optimize(self, collection_id: str) -> Optimization:
        """Raises NotFound, else WrongState."""
        await self._store.get_collection(collection_id)
        raise WrongState(
            Reason.OPTIMIZE_UNSUPPORTED,
            f"collection_id: a Qdrant server builds the index of {clip(collection_id)!r} by "
            "itself; there is nothing to ask for",
            subject=f"collections/{collection_id}",
        )

    def optimization(self, collection_id: str) -> Optimization | None:
        """Never any."""
        return None
