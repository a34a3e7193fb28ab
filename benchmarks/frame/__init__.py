"""What all benchmarks share: interleaved rounds, findings, the report."""

from benchmarks.frame.findings import Bench, Findings, Row, skipped
from benchmarks.frame.rounds import Ratio, Rounds, interleaved, percentile

__all__ = [
    "Bench",
    "Findings",
    "Ratio",
    "Rounds",
    "Row",
    "interleaved",
    "percentile",
    "skipped",
]
