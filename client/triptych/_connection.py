"""What both clients are made with, and what each of their calls is given. Nothing here waits."""

import os
import re
from collections.abc import Sequence
from typing import Protocol

import grpc
from google.protobuf.message import Message

from triptych._batches import Upsert
from triptych._contract import is_repeatable
from triptych._course import Course
from triptych._texts import checked_text
from triptych.errors import argument_error
from triptych.tls import Tls
from triptych.v1.item_service_pb2 import UpsertItemsRequest

DEFAULT_TARGET = "127.0.0.1:50051"
DEFAULT_TIMEOUT_S = 30.0
DEFAULT_RETRIES = 4
DEFAULT_MAX_MESSAGE_BYTES = 32 * 1024 * 1024

REQUEST_ID = "x-request-id"
AUTHORIZATION = "authorization"
MAX_RETRIES = 20


class Transport(Protocol):
    """What takes a client's calls in place of a connection: `triptych.testing.FakeTransport`."""

    def channel(self) -> grpc.Channel:
        """The channel of a `Client`."""
        ...

    def async_channel(self) -> grpc.aio.Channel:
        """The channel of an `AsyncClient`."""
        ...


class Connection:
    """A client's settings, checked, and the beginning of each call. Shared by threads."""

    def __init__(
        self,
        target: str,
        *,
        timeout: float,
        retries: int,
        max_message_bytes: int,
        tls: bool | Tls,
        api_key: str | None,
        plaintext_api_key: bool,
        credentials: grpc.ChannelCredentials | None,
        metadata: Sequence[tuple[str, str | bytes]],
        transport: Transport | None,
    ) -> None:
        self.target = _checked_target(target)
        self.timeout = _checked_timeout(timeout)
        self.max_message_bytes = max_message_bytes
        self.transport = transport
        self.closed = False
        self._retries = _checked_retries(retries)
        self.credentials = _credentials(tls, credentials)
        self._server_name = "" if isinstance(tls, bool) else tls.server_name
        self._metadata = tuple(metadata)
        # In plaintext an HTTP proxy that the environment names would read the key.
        self._may_use_proxy = api_key is None or self.credentials is not None
        if api_key is not None:
            self._add_key(api_key, plaintext_api_key)

    def __repr__(self) -> str:
        how = "plaintext" if self.credentials is None else "tls"
        return f"{self.target!r}, {how}"

    def options(self) -> list[tuple[str, str | int]]:
        """The options of a gRPC channel."""
        options: list[tuple[str, str | int]] = [
            ("grpc.max_send_message_length", self.max_message_bytes),
            ("grpc.max_receive_message_length", self.max_message_bytes),
            # The one layer of retries is `Course`; a service config from DNS would bring another.
            ("grpc.service_config_disable_resolution", 1),
            ("grpc.initial_reconnect_backoff_ms", 200),
            ("grpc.max_reconnect_backoff_ms", 5000),
            ("grpc.primary_user_agent", _user_agent()),
        ]
        if self._server_name:
            options.append(("grpc.ssl_target_name_override", self._server_name))
        if not self._may_use_proxy:
            options.append(("grpc.enable_http_proxy", 0))
        return options

    def begin(self, request: Message, timeout: float | None) -> Course:
        """One call; its deadline in seconds is the client's own where `timeout` is None.

        Raises:
            ArgumentError: a timeout that is no number above 0.
            RuntimeError: the client is closed.
        """
        self.check_open()
        metadata = self._metadata
        request_id = next((str(v) for k, v in metadata if k == REQUEST_ID), "")
        if not request_id:
            request_id = os.urandom(16).hex()
            metadata = (*metadata, (REQUEST_ID, request_id))
        return Course(
            seconds=self.timeout if timeout is None else _checked_timeout(timeout),
            retries=self._retries if is_repeatable(request) else 0,
            metadata=metadata,
            request_id=request_id,
            target=self.target,
            secure=self.credentials is not None,
            max_message_bytes=self.max_message_bytes,
        )

    def upsert(self, head: UpsertItemsRequest, batch_size: int, timeout: float | None) -> Upsert:
        """One upsert; `head` is a request that lacks its items."""
        return Upsert(
            head,
            max_items=batch_size,
            max_bytes=self.max_message_bytes,
            timeout=timeout,
            least_timeout=self.timeout,
        )

    def check_open(self) -> None:
        """Raises RuntimeError once the client is closed."""
        if self.closed:
            raise RuntimeError("this client is closed")

    def _add_key(self, api_key: str, plaintext_api_key: bool) -> None:
        from triptych._api_key import authorization, is_loopback

        header = authorization(api_key)
        if any(name.lower() == AUTHORIZATION for name, _ in self._metadata):
            raise argument_error(
                "api_key", "FIELD_INVALID", "metadata has an authorization already"
            )
        on_the_wire = self.credentials is None and self.transport is None
        if on_the_wire and not plaintext_api_key and not is_loopback(self.target):
            raise argument_error(
                "api_key",
                "FIELD_INVALID",
                "would be readable on its way: use tls, or allow it with plaintext_api_key=True",
                got=self.target,
            )
        self._metadata = (*self._metadata, header)


class Connected:
    """The constructor of both clients."""

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        timeout: float = DEFAULT_TIMEOUT_S,
        retries: int = DEFAULT_RETRIES,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        tls: bool | Tls = False,
        api_key: str | None = None,
        plaintext_api_key: bool = False,
        credentials: grpc.ChannelCredentials | None = None,
        metadata: Sequence[tuple[str, str | bytes]] = (),
        transport: Transport | None = None,
    ) -> None:
        """A client of the server at `target`; it connects with the first call.

        Args:
            target: host and port, or any other gRPC target.
            timeout: seconds that each call may take, its retries included, unless its method is
                given another time; `upsert` adds to it for each batch, as it says.
            retries: how many times a call is sent again, 0 to 20, where the contract says that it
                may be sent twice (all but `create_collection`): while the server is not available,
                and where a busy server says when to come again. The pauses grow from 0.2 s, by 2,
                to 3 s, or are what the server asks for; never past the call's deadline.
            max_message_bytes: the largest message in either direction; the server has its own
                limit, which `status().limits` tells.
            tls: True for TLS as other programs of this machine do it, a `Tls` for an own CA, a
                client certificate or another name; plaintext without.
            api_key: sent with every call as `authorization: Bearer ...`. It is in no repr and no
                error.
            plaintext_api_key: allows the key to go in plaintext to another machine, through a
                proxy of your own that adds TLS, say.
            credentials: gRPC's own credentials of a channel, in place of `tls`.
            metadata: headers of every call. Without an `x-request-id` among them each call gets
                one of its own.
            transport: `triptych.testing.FakeTransport`, for tests without a server.

        Raises:
            ArgumentError: a target, timeout, key or PEM that can't be used, a key that would go in
                plaintext to another machine.
            OSError: a file of `tls` can't be read.
        """
        self._connection = Connection(
            target,
            timeout=timeout,
            retries=retries,
            max_message_bytes=max_message_bytes,
            tls=tls,
            api_key=api_key,
            plaintext_api_key=plaintext_api_key,
            credentials=credentials,
            metadata=metadata,
            transport=transport,
        )
        self._connect()

    def _connect(self) -> None:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._connection!r})"


def _credentials(
    tls: bool | Tls, credentials: grpc.ChannelCredentials | None
) -> grpc.ChannelCredentials | None:
    if tls is False:
        return credentials
    if not isinstance(tls, bool | Tls):
        kind = type(tls).__name__
        raise argument_error("tls", "FIELD_INVALID", "needs a bool or a Tls", got=kind)
    if credentials is not None:
        raise argument_error("tls", "FIELD_INVALID", "give either tls or credentials")
    return (tls if isinstance(tls, Tls) else Tls()).credentials()


def _user_agent() -> str:
    # Loaded here: 20 ms that `import triptych` need not spend.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"triptych-python/{version('triptych')}"
    except PackageNotFoundError:
        return "triptych-python"  # used from its source, not installed


def _checked_target(target: str) -> str:
    """`target`, unless nothing listens there: gRPC would dial another port in its place."""
    port = re.search(r":(\d+)$", checked_text(target, "target"))
    if not target:
        raise argument_error("target", "FIELD_REQUIRED", "is empty")
    if re.match(r"(https?|grpcs?)://", target, re.IGNORECASE):
        what = "is a URL; needs a host and a port, such as 127.0.0.1:50051, and tls=True for TLS"
        raise argument_error("target", "FIELD_INVALID", what, got=target)
    if port and not 1 <= int(port[1]) <= 65_535:
        raise argument_error("target", "FIELD_INVALID", "port", got=port[1], allowed="1 to 65535")
    return target


def _checked_timeout(timeout: float) -> float:
    # A call without a deadline can hang for ever, so infinity is none either.
    if not 0 < timeout < float("inf"):
        raise argument_error(
            "timeout", "FIELD_INVALID", "needs a number of seconds above 0", got=timeout
        )
    return timeout


def _checked_retries(retries: int) -> int:
    if not isinstance(retries, int) or not 0 <= retries <= MAX_RETRIES:
        raise argument_error(
            "retries", "LIMIT_INVALID", "out of range", got=retries, allowed=f"0 to {MAX_RETRIES}"
        )
    return retries
