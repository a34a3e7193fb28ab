"""The connection that the command's options ask for: where the server is, TLS, and the API key."""

import inspect
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from math import isfinite
from pathlib import Path
from typing import Annotated, Any

import typer

from triptych.cli.output import CommandError, printable
from triptych.client import DEFAULT_TARGET, DEFAULT_TIMEOUT_S, Client
from triptych.tls import Tls

KEY_VARIABLE = "TRIPTYCH_API_KEY"
API_KEY = "api_key"
"""Where `key_option` says what the key was read from: the name of the client's own argument."""

_WEB_ADDRESS = re.compile("https?://", re.I)


def seconds(value: object) -> float:
    """A parser of a time above 0 s."""
    try:
        number = float(str(value))
    except ValueError:
        number = 0.0
    if not (isfinite(number) and number > 0):
        shown = str(value)
        shown = repr(shown if len(shown) <= 64 else shown[:63] + "…")
        raise typer.BadParameter(f"needs a number of seconds above 0 (got {shown})")
    return number


def _file(option: str, what: str, variable: str | None = None, *, hidden: bool = False) -> Any:
    """An option that takes a file which is there."""
    return typer.Option(
        option,
        metavar="FILE",
        help=what,
        exists=True,
        dir_okay=False,
        envvar=variable,
        show_envvar=variable is not None,
        show_default=False,
        hidden=hidden,
    )


_TLS = "Speak TLS; --ca-file and --cert do, too."
_CA = "PEM of the authorities to trust in place of this machine's own."
_CERT = "PEM of the certificate that a server with mTLS asks for; with --key."
_KEY = "PEM of the private key of --cert."
_NAME = "The name in the server's certificate, where it is not that of --server: of a tunnel, say."
_API_KEY = (
    "A file with the API key in its first line; unless given, the key is that of "
    f"{KEY_VARIABLE}. No option takes the key itself: everybody on this machine could read it in "
    "the list of processes."
)
_PLAINTEXT = "Send the API key to another machine without TLS all the same."

# Before the subcommand.
Server = Annotated[
    str,
    typer.Option(
        "--server",
        envvar="TRIPTYCH_SERVER",
        metavar="HOST:PORT",
        help="The server.",
        show_envvar=True,
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        help="How long each call may take; unless given, 30, and 120 for each batch of an ingest "
        "and for deleting.",
        parser=seconds,
        show_default=False,
    ),
]
WithTls = Annotated[
    bool | None,
    typer.Option(
        "--tls/--no-tls", envvar="TRIPTYCH_TLS", show_envvar=True, help=_TLS, show_default=False
    ),
]
CaFile = Annotated[Path | None, _file("--ca-file", _CA, "TRIPTYCH_CA_FILE")]
Certificate = Annotated[Path | None, _file("--cert", _CERT, "TRIPTYCH_CERT")]
CertificateKey = Annotated[Path | None, _file("--key", _KEY, "TRIPTYCH_CERT_KEY")]
ServerName = Annotated[
    str | None, typer.Option("--server-name", metavar="NAME", help=_NAME, show_default=False)
]
ApiKeyFile = Annotated[Path | None, _file("--api-key-file", _API_KEY)]
PlaintextKey = Annotated[bool, typer.Option("--plaintext-api-key", help=_PLAINTEXT)]


@dataclass(frozen=True, slots=True)
class Session:
    """How the server is reached; what is None was not given."""

    server: str = DEFAULT_TARGET
    timeout_s: float | None = None
    tls: bool | None = None
    ca_file: Path | None = None
    certificate: Path | None = None
    certificate_key: Path | None = None
    server_name: str | None = None
    api_key_file: Path | None = None
    plaintext_api_key: bool = False

    def client(self, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> Client:
        """A client of the server, with `timeout_s` unless the user gave another.

        Raises:
            CommandError: a server that is no HOST:PORT, a file without a key.
        """
        if self.server and (":" not in self.server or _WEB_ADDRESS.match(self.server)):
            raise CommandError(
                f"--server {printable(self.server)}: needs HOST:PORT, such as {DEFAULT_TARGET}"
            )
        return Client(
            self.server,
            timeout=timeout_s if self.timeout_s is None else self.timeout_s,
            tls=self._tls(),
            api_key=self._api_key(),
            plaintext_api_key=self.plaintext_api_key,
        )

    def over(self, given: Mapping[str, Any]) -> "Session":
        """This one, but for what stands in `given` under the name of a field and is not None."""
        known = {one.name for one in fields(self)}
        return replace(self, **{k: v for k, v in given.items() if k in known and v is not None})

    def key_option(self) -> Mapping[str, str]:
        """Where the API key comes from, for `told`; empty where there is none."""
        if self.api_key_file is not None:
            return {API_KEY: f"--api-key-file {self.api_key_file}"}
        return {API_KEY: KEY_VARIABLE} if os.environ.get(KEY_VARIABLE, "").strip() else {}

    def _tls(self) -> bool | Tls:
        given = (self.ca_file, self.certificate, self.certificate_key, self.server_name)
        if self.tls is False or (not self.tls and given == (None,) * len(given)):
            return False
        return Tls(
            ca=self.ca_file,
            certificate=self.certificate,
            key=self.certificate_key,
            server_name=self.server_name or "",
        )

    def _api_key(self) -> str | None:
        if self.api_key_file is None:
            return os.environ.get(KEY_VARIABLE, "").strip() or None
        # A server's own file of keys is one, too, with its comments.
        lines = self.api_key_file.read_text(encoding="utf-8", errors="replace").splitlines()
        keys = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        if not keys:
            raise CommandError(f"--api-key-file {self.api_key_file}: holds no key")
        return keys[0]


def _own_options(
    *,
    server: Annotated[
        str | None,
        typer.Option(
            "--server",
            metavar="HOST:PORT",
            help=f"The server, if not that of TRIPTYCH_SERVER or {DEFAULT_TARGET}. triptych --help "
            "has the options of TLS and API keys, which go here too.",
            show_default=False,
        ),
    ] = None,
    timeout_s: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            metavar="SECONDS",
            help="How long each call may take.",
            parser=seconds,
        ),
    ] = None,
    tls: Annotated[bool | None, typer.Option("--tls/--no-tls", help=_TLS, hidden=True)] = None,
    ca_file: Annotated[Path | None, _file("--ca-file", _CA, hidden=True)] = None,
    certificate: Annotated[Path | None, _file("--cert", _CERT, hidden=True)] = None,
    certificate_key: Annotated[Path | None, _file("--key", _KEY, hidden=True)] = None,
    server_name: Annotated[
        str | None, typer.Option("--server-name", metavar="NAME", help=_NAME, hidden=True)
    ] = None,
    api_key_file: Annotated[Path | None, _file("--api-key-file", _API_KEY, hidden=True)] = None,
    plaintext_api_key: Annotated[
        bool | None, typer.Option("--plaintext-api-key", help=_PLAINTEXT, hidden=True)
    ] = None,
) -> None:
    """The options of a connection behind a subcommand, each named as its field of Session."""


OWN = tuple(inspect.signature(_own_options).parameters.values())
"""The options of a connection behind a subcommand."""
