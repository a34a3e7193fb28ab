"""The API key of a client: how it is sent, and where it is not."""

import ipaddress
import re

from triptych.errors import argument_error

# What a Bearer header may carry (RFC 6750, section 2.1).
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_SCHEME = re.compile(r"(?:dns:(?://[^/]*/)?|ipv[46]:)?(.+)")
_HOST = re.compile(r"\[([^\]]+)\](?::\d+)?|([^:]+)(?::\d+)?")


class HiddenText(str):
    """A text that no repr shows: neither its own, nor that of a tuple or a frame it stands in."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


def authorization(api_key: str) -> tuple[str, str]:
    """The header that carries the key.

    Raises:
        ArgumentError: no key that a header can carry; its text is not shown.
    """
    if not isinstance(api_key, str) or _TOKEN.fullmatch(api_key) is None:
        raise argument_error(
            "api_key",
            "FIELD_INVALID",
            "is none that a header can carry",
            allowed="A-Z, a-z, 0-9 and . _ ~ + / - (= at the end)",
        )
    return ("authorization", HiddenText(f"Bearer {api_key}"))


def is_loopback(target: str) -> bool:
    """Whether everything that is sent to this gRPC target stays on this machine."""
    if target.startswith(("unix:", "unix-abstract:")):
        return True
    rest = _SCHEME.fullmatch(target)
    return rest is not None and all(map(_is_loopback_host, rest[1].split(",")))


def _is_loopback_host(text: str) -> bool:
    found = _HOST.fullmatch(text)
    if found is None:
        return False
    host = found[1] or found[2]
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
