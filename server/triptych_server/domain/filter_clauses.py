"""A filter cut into clauses, of which an item has to pass each one."""

from __future__ import annotations

from dataclasses import dataclass

from triptych_server.domain.filter_origins import Origins
from triptych_server.domain.filters import Filter


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause as a filter of its own.

    ``field`` is where it stands in the request; ``character``, from 1, where that is an expression.
    """

    filter: Filter
    field: str
    character: int | None


def clauses(filter: Filter, path: str = "filter") -> tuple[Clause, ...]:
    """Each condition of ``must``, the whole of ``should``, each condition of ``must_not``.

    That is their order in the filter's text. ``path`` is where the filter stands in the request.
    """
    parts = [(Filter(must=(condition,)), f"must[{n}]") for n, condition in enumerate(filter.must)]
    if filter.should:
        count = filter.min_should_count
        parts.append((Filter(should=filter.should, min_should_count=count), "should"))
    parts += [
        (Filter(must_not=(condition,)), f"must_not[{n}]")
        for n, condition in enumerate(filter.must_not)
    ]
    origins = Origins(filter)
    return tuple(_clause(part, f"{path}.{name}", origins) for part, name in parts)


def _clause(part: Filter, path: str, origins: Origins) -> Clause:
    # Alternatives come from one place, all of them.
    origin = origins.of(f"{path}[0]" if part.should else path)
    if origin is None:
        return Clause(part, path, None)
    return Clause(part, origin.field, origin.character)
