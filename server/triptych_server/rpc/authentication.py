"""API keys: which callers are answered.

A key comes as the header ``authorization: Bearer KEY``. Health answers without one, since what
probes it (a container's runtime, a load balancer) has none to show, and it tells nothing else.
Reflection does not: who may not call the service need not read its description.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NoReturn

import grpc

from triptych_server.domain.errors import Reason, Unauthenticated

_OPEN = "/grpc.health.v1.Health/"
_BEARER = re.compile(r"(?i:bearer) +([^ ]+)")
Headers = Iterable[tuple[str, str | bytes]]


class ApiKeys:
    """The keys that are let in, kept as SHA-256 hashes. Without any, everybody is."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._hashes = tuple(_hash(key) for key in sorted(set(keys)))

    def __len__(self) -> int:
        return len(self._hashes)

    def let_in(self, headers: Headers) -> bool:
        """Whether a call with these headers shows one of the keys, and shows it once."""
        if not self._hashes:
            return True
        values = [value for name, value in headers if name == "authorization"]
        found = _BEARER.fullmatch(str(values[0])) if len(values) == 1 else None
        if found is None:
            return False
        given = _hash(found[1])
        # Every hash is compared, so that the time taken does not tell which one was near.
        return sum(hmac.compare_digest(given, known) for known in self._hashes) > 0


class Authentication(grpc.aio.ServerInterceptor):
    """Refuses every call that shows no key, those of methods that do not exist among them.

    It stands inside the boundary, which makes the refusal a status and logs it.
    """

    def __init__(self, keys: ApiKeys) -> None:
        self._keys = keys
        # As a stream, whatever the method is: this way nothing of the request is read.
        self._refusal: grpc.RpcMethodHandler[Any, Any] = grpc.stream_stream_rpc_method_handler(
            _refuse
        )

    async def intercept_service(
        self,
        continuation: Callable[
            [grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]
        ],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The method's handler, or one that refuses."""
        headers: Any = handler_call_details.invocation_metadata or ()
        if handler_call_details.method.startswith(_OPEN) or self._keys.let_in(headers):
            return await continuation(handler_call_details)
        return self._refusal


async def _refuse(requests: Any, context: Any) -> NoReturn:
    raise Unauthenticated(
        Reason.API_KEY_INVALID,
        "a valid API key is needed, in the header authorization: Bearer KEY",
    )


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
