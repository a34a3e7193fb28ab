"""What can be said of a picture's bytes before anything decodes them."""

from __future__ import annotations

from collections.abc import Sequence

from triptych_server.domain.errors import InvalidInput, Reason, violation
from triptych_server.domain.limits import Limits
from triptych_server.encode.formats import sniff


def checked_format(data: bytes, limits: Limits, formats: Sequence[str]) -> str:
    """The format that ``data`` claims to have, one of ``formats``.

    Raises InvalidInput, with an empty ``field``, for no bytes, too many, or another format.
    """
    if not data:
        raise refused(Reason.IMAGE_EMPTY, "0 bytes")
    if len(data) > limits.max_image_bytes:
        raise refused(
            Reason.IMAGE_TOO_LARGE,
            "too many bytes",
            got=len(data),
            allowed=limits.max_image_bytes,
        )
    format = sniff(data)
    if format is None or format not in formats:
        raise unsupported("not a picture in a format that is read", formats)
    return format


def unsupported(what: str, formats: Sequence[str]) -> InvalidInput:
    """The refusal of a kind of picture that is not read, with what is."""
    allowed = f"{', '.join(formats)}; 8 or 16 bits a sample"
    return refused(Reason.IMAGE_FORMAT_UNSUPPORTED, what, allowed=allowed)


def refused(
    reason: Reason, what: str, *, got: object = None, allowed: object = None
) -> InvalidInput:
    """One violation with an empty ``field``: the caller knows the path."""
    return InvalidInput([violation("", reason, what, got=got, allowed=allowed)])
