"""The numbers of the embedded engine's index: how it is built and how it is searched."""

from __future__ import annotations

from dataclasses import dataclass

# The graph: edges of a node, and neighbours looked at while it is built. The engine's own defaults.
EDGES, EF_CONSTRUCT = 16, 100
# Candidates kept in view while a graph is searched, at least; more find more and take longer.
SEARCH_EF = 512


@dataclass(frozen=True, slots=True)
class Tuning:
    """How an optimization is done.

    ``indexing_threshold_kb``: a vector space whose vectors take less gets no graph; comparing them
    all is as fast. ``full_scan_kb``: nor is a graph used where the vectors that a filter lets
    through take less, so that a strict filter is answered exactly. ``threads``: of the building; 0
    takes all cores.
    """

    indexing_threshold_kb: int = 10_000
    full_scan_kb: int = 10_000
    threads: int = 1


TUNING = Tuning()
