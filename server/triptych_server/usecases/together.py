"""Runs coroutines side by side; the first failure cancels the rest and is raised as itself."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from triptych_server.domain.errors import InvalidInput

T = TypeVar("T")


async def together(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The results in the order of ``coroutines``.

    Unlike ``asyncio.gather`` nothing goes on after a failure, and unlike a bare TaskGroup the
    caller meets the error itself, not a group around it.
    """
    failure: BaseException | None = None
    tasks: list[asyncio.Task[T]] = []
    group = asyncio.TaskGroup()
    try:
        async with group:
            tasks += [group.create_task(coroutine) for coroutine in coroutines]
    except BaseExceptionGroup as failures:
        failure = _first(failures.with_traceback(None))
    except asyncio.CancelledError as cancelled:
        failure = cancelled.with_traceback(None)
    if failure is None:
        return [task.result() for task in tasks]
    try:
        raise failure
    finally:
        # A cancellation whose traceback leads back to it would keep all frames on the way, and
        # pictures in them, until the collector of cycles comes by: so nothing here leads to it.
        del failure, tasks, group, coroutines


async def together_checked(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """As ``together``, but an InvalidInput lets the others go on and is raised with theirs.

    So a request with two broken pictures hears of both.
    """

    async def caught(coroutine: Coroutine[Any, Any, T]) -> T | InvalidInput:
        try:
            return await coroutine
        except InvalidInput as error:
            return error

    results = await together(caught(coroutine) for coroutine in coroutines)
    problems = [v for found in results if isinstance(found, InvalidInput) for v in found.violations]
    if problems:
        raise InvalidInput(problems)
    return [found for found in results if not isinstance(found, InvalidInput)]


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    error = failures.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
