"""SearchService: composed inputs and what came of their parts."""

from __future__ import annotations

import math
from collections.abc import Callable

from triptych.v1 import search_service_pb2 as pb
from triptych_server.domain.collections import SpaceKind
from triptych_server.domain.errors import Reason
from triptych_server.domain.limits import Limits
from triptych_server.domain.queries import ComposedInput, ComposedPart, PlainInput, VectorInput
from triptych_server.usecases.check_vectors import vector_kind
from triptych_server.wire.violations import Violations

ParsePart = Callable[[pb.ComposedPart, str], PlainInput | None]


def parse_composed(
    message: pb.Composed, limits: Limits, violations: Violations, path: str, parse: ParsePart
) -> ComposedInput | None:
    """The parts with their weights; None where one of them is no input.

    ``parse`` reads the input of one, which stands at a path.
    """
    count = len(message.parts)
    if not count:
        violations.add(f"{path}.parts", Reason.QUERY_EMPTY, "has no parts")
    elif count > limits.max_composed_parts:
        violations.add(
            f"{path}.parts",
            Reason.LIMIT_TOO_LARGE,
            "has too many parts",
            got=count,
            allowed=limits.max_composed_parts,
        )
        return None
    parts = []
    for place, part in enumerate(message.parts):
        where = f"{path}.parts[{place}]"
        weight = _parse_weight(part, limits, violations, f"{where}.weight")
        given = parse(part, where)
        if isinstance(given, VectorInput):
            kind = vector_kind(given.vector)
            if kind is not SpaceKind.DENSE:
                what, here = "a part is one dense vector", f"{where}.vector"
                violations.add(here, Reason.VECTOR_KIND, what, got=kind.value, allowed="dense")
        if given is not None:
            parts.append(ComposedPart(given, weight))
    # With a part left out it would be another question, and be compared as that.
    return ComposedInput(tuple(parts)) if parts and len(parts) == count else None


def _parse_weight(
    message: pb.ComposedPart, limits: Limits, violations: Violations, path: str
) -> float:
    if not message.HasField("weight"):
        return 1.0
    weight, most = message.weight, limits.max_weight
    allowed = f"{-most:g} to {most:g}"
    if not math.isfinite(weight):
        violations.add(path, Reason.WEIGHT_NOT_FINITE, "is not finite", got=weight, allowed=allowed)
    elif abs(weight) > most:
        violations.add(path, Reason.WEIGHT_TOO_LARGE, "is too large", got=weight, allowed=allowed)
    elif weight == 0:
        what = "is 0, so that the part counts for nothing: leave it out"
        violations.add(path, Reason.WEIGHT_ZERO, what)
    return weight
