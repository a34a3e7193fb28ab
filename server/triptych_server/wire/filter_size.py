"""Whether a filter is small enough to be read at all."""

from __future__ import annotations

from triptych.v1 import filter_pb2 as pb
from triptych_server.domain.errors import Reason
from triptych_server.domain.limits import Limits
from triptych_server.wire.violations import Violations


def fits(message: pb.Filter, limits: Limits, violations: Violations, path: str) -> bool:
    """Whether the filter keeps to the limits, its groups and elements counted; else one violation.

    Without recursion, and over as soon as a limit is passed: a message of 32 MiB holds millions of
    conditions.
    """
    conditions = values = text_bytes = expression_bytes = 0
    waiting = [(message, 1)]
    while waiting:
        part, depth = waiting.pop()
        if depth > limits.max_filter_depth:
            violations.add(
                path,
                Reason.FILTER_TOO_DEEP,
                "is nested too deep",
                allowed=f"{limits.max_filter_depth} levels",
            )
            return False
        expression_bytes += len(part.expression.encode())
        conditions += len(part.must) + len(part.should) + len(part.must_not)
        if conditions > limits.max_filter_conditions:
            violations.add(
                path,
                Reason.FILTER_TOO_MANY_CONDITIONS,
                "too many conditions",
                got=conditions,
                allowed=limits.max_filter_conditions,
            )
            return False
        for condition in (*part.must, *part.should, *part.must_not):
            kind = condition.WhichOneof("condition")
            if kind == "group":
                waiting.append((condition.group, depth + 1))
            elif kind == "elements":
                waiting.append((condition.elements.filter, depth + 1))
            elif kind == "ids":
                values += len(condition.ids.values)
            elif kind == "field":
                field = condition.field
                values += len(field.any_of.values) + len(field.none_of.values)
                text_bytes += len(field.text_match.encode()) + len(field.phrase.encode())
    if values > limits.max_filter_values:
        violations.add(
            path,
            Reason.FILTER_TOO_MANY_CONDITIONS,
            "too many values",
            got=values,
            allowed=limits.max_filter_values,
        )
    if text_bytes > limits.max_filter_text_bytes:
        violations.add(
            path,
            Reason.TEXT_TOO_LONG,
            "its texts are too long",
            got=f"{text_bytes} bytes",
            allowed=limits.max_filter_text_bytes,
        )
    if expression_bytes > limits.max_filter_expression_bytes:
        violations.add(
            f"{path}.expression",
            Reason.TEXT_TOO_LONG,
            "is too long, or they are together",
            got=f"{expression_bytes} bytes",
            allowed=limits.max_filter_expression_bytes,
        )
    return (
        values <= limits.max_filter_values
        and text_bytes <= limits.max_filter_text_bytes
        and expression_bytes <= limits.max_filter_expression_bytes
    )


def has_expressions(message: pb.Filter) -> bool:
    """Whether the filter, or one inside it, has an expression."""
    return expression_bytes_of(message) > 0


def expression_bytes_of(message: pb.Filter) -> int:
    """Bytes of its expression and of those inside it."""
    size = 0
    waiting = [message]
    while waiting:
        part = waiting.pop()
        size += len(part.expression.encode())
        for condition in (*part.must, *part.should, *part.must_not):
            kind = condition.WhichOneof("condition")
            if kind == "group":
                waiting.append(condition.group)
            elif kind == "elements":
                waiting.append(condition.elements.filter)
    return size
