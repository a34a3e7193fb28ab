"""How the legs of a search are put together, as the command's options say it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from triptych.cli.output import CommandError
from triptych.fusions import NORMALIZATIONS as NORMALIZATIONS_IN_PYTHON
from triptych.fusions import max_score, min_score, reciprocal_rank, weighted_sum
from triptych.v1.search_service_pb2 import Fusion

BY_RANK = "reciprocal-rank"
BY_SIMILARITY: Mapping[str, Callable[..., Fusion]] = MappingProxyType(
    {"weighted-sum": weighted_sum, "max": max_score, "min": min_score}
)
FUSIONS = (BY_RANK, *BY_SIMILARITY)
NORMALIZATIONS = tuple(name.replace("_", "-") for name in NORMALIZATIONS_IN_PYTHON)


def fusion_of(method: str | None, normalization: str | None, k: float | None) -> Fusion | None:
    """The fusion that the options ask for; None where they leave it to the server.

    Raises:
        CommandError: one of them is of another method.
    """
    if method is not None and method in BY_SIMILARITY:
        if k is not None:
            raise CommandError(
                f"--k {k:g}: is of --fusion {BY_RANK}; {method} goes by similarities, not by places"
            )
        named = None if normalization is None else normalization.replace("-", "_")
        return BY_SIMILARITY[method](normalization=named)
    if normalization is not None:
        raise CommandError(
            f"--normalization {normalization}: is of --fusion {', '.join(BY_SIMILARITY)}; "
            f"{BY_RANK} goes by places, not by similarities"
        )
    return None if method is None and k is None else reciprocal_rank(k=k)
