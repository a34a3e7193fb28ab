"""Counts what the use cases ask of the world, on the real thing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import wraps
from typing import Any

import pytest

from triptych_server.app import App
from triptych_server.settings import Settings
from triptych_server.store.edge_supervisor import EdgeSupervisor
from triptych_server.usecases import corridor, upsert


class Work(Counter[str]):
    """How often each thing was done, by its name; of a frame to the engine by its request's."""

    def check(self, what: str, pinned: Mapping[str, int]) -> None:
        """Fails with what has grown, or has become less than what was written down."""
        names = sorted({*self, *pinned})
        grown = [n for n in names if self[n] > pinned.get(n, 0)]
        less = [n for n in names if self[n] < pinned.get(n, 0)]
        if grown:
            told = ", ".join(f"{n}: {self[n]} instead of {pinned.get(n, 0)}" for n in grown)
            pytest.fail(f"{what} does more work than it did: {told}. All of it: {dict(self)}")
        if less:
            told = ", ".join(f"{n}: {self[n]} instead of {pinned.get(n, 0)}" for n in less)
            pytest.fail(f"{what} does less work than is written down here (well done): {told}")


class Counted:
    """A port whose calls are counted, and carried out."""

    def __init__(self, port: Any, name: str, work: Work) -> None:
        self._port = port
        self._name = name
        self._work = work

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found

        @wraps(found)
        def call(*given: Any, **named: Any) -> Any:
            self._work[f"{self._name}.{name}"] += 1
            return found(*given, **named)

        return call


class CountedApp(App):
    """The whole service, its ports counted."""

    def __init__(self, settings: Settings, work: Work) -> None:
        super().__init__(settings)
        self._work = work

    def _add_services(
        self,
        server: Any,
        store: Any,
        pictures: Any,
        writers: Any,
        encoders: Any,
        intake: Any,
        ocr: Any,
        terms: Any,
    ) -> None:
        super()._add_services(
            server,
            self._counted(store, "store"),
            pictures,
            writers,
            [self._counted(encoder, "encoder") for encoder in encoders],
            self._counted(intake, "intake"),
            self._counted(ocr, "ocr"),
            self._counted(terms, "terms"),
        )

    def _counted(self, port: Any, name: str) -> Any:
        return Counted(port, name, self._work)


def count_inner_work(work: Work, patch: pytest.MonkeyPatch) -> None:
    """Also counts the frames to the engine's process, and what is made of points and of items."""
    ask: Any = EdgeSupervisor._ask

    @wraps(ask)
    def counted(self: EdgeSupervisor, request: Any) -> Any:
        work[f"frame {type(request).__name__}"] += 1
        return ask(self, request)

    patch.setattr(EdgeSupervisor, "_ask", counted)
    for module, name, told in (
        (corridor, "to_item", "points made items"),
        (upsert, "Point", "items made points"),
    ):
        patch.setattr(module, name, _counting(getattr(module, name), told, work))


def _counting(real: Any, name: str, work: Work) -> Any:
    @wraps(real, updated=())
    def counted(*given: Any, **named: Any) -> Any:
        work[name] += 1
        return real(*given, **named)

    return counted
