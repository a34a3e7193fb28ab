"""How an error reads at a shell: with the command's options, and with what can be done."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from triptych.cli.output import CommandError, exit_code, printable
from triptych.cli.session import API_KEY, KEY_VARIABLE
from triptych.errors import DeadlineExceeded, TriptychError, Unauthenticated, Unavailable

_OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "collection_id": "--collection",
        "default_encoder_id": "--encoder",
        "filter": "--where",
        "fusion": "--normalization",
        "fusion.reciprocal_rank.k": "--k",
        "input.image": "--image",
        "input.text": "TEXT",
        "language": "--language",
        "limit": "--limit",
        "offset": "--offset",
        "ocr.language": "--ocr-language",
        "ocr.mode": "--ocr",
        "payload_fields": "--payload-field",
        "score_threshold": "--score-threshold",
        "target": "--server",
        "timeout": "--timeout",
        "tls": "--cert",
        "tls.ca": "--ca-file",
        "tls.key": "--key",
        "tls.server_name": "--server-name",
        "vectors": "--weight",
    }
)
# How the client tells of its own arguments, and what they are here.
_ARGUMENTS: Mapping[str, str] = MappingProxyType(
    {
        "Tls(ca=...)": "--ca-file",
        "Tls(certificate=..., key=...)": "--cert and --key",
        "Tls(server_name=...)": "--server-name",
        "needs certificate and key together": "needs --cert and --key together",
        "plaintext and not TLS (tls=True)?": "plaintext and not TLS (--tls)?",
        "plaintext and not TLS?": "plaintext and not TLS (--tls)?",
        "use tls, or allow it with plaintext_api_key=True": "give --tls, or allow it with "
        "--plaintext-api-key",
        "the PEM of tls": "the PEM of --ca-file, --cert and --key",
    }
)


@contextmanager
def told(options: Mapping[str, str], *, nested: bool = True, inside: str = "") -> Iterator[None]:
    """Tells errors of the calls inside as `at_the_shell` does.

    Raises:
        CommandError: in place of every TriptychError.
        Unauthenticated: inside another one, which knows where the key comes from.
    """
    try:
        yield
    except TriptychError as error:
        if isinstance(error, Unauthenticated) and nested:
            raise
        raise at_the_shell(error, options, inside=inside) from error


def at_the_shell(
    error: TriptychError,
    options: Mapping[str, str] = MappingProxyType({}),
    *,
    inside: str = "",
) -> CommandError:
    """The error in one line: every violation, the reason, and what can be done about it.

    Args:
        error: what a call met.
        options: what the user wrote for a field of the request, by the field's path, where that
            is not the same for every call.
        inside: the field of the request in which those of `options` stand.
    """
    known = {**_OPTIONS, **options}
    if inside:
        known |= {f"{inside}.{path}": option for path, option in known.items()}
    text = "; ".join(dict.fromkeys(_parts(error, known)))
    for argument, option in _ARGUMENTS.items():
        text = text.replace(argument, option)
    reason = f" [{error.reason}]" if error.reason else ""
    line = f"{printable(text)}{_way_out(error)}{reason}"
    return CommandError(line, exit_code=exit_code(error))


def _parts(error: TriptychError, options: Mapping[str, str]) -> Iterator[str]:
    if error.reason == "COLLECTION_NOT_FOUND" and "collection" in error.metadata:
        name = error.metadata["collection"]
        yield (
            f"there is no collection '{name}': triptych ingest FOLDER --collection {name} makes "
            "it, triptych collections lists those that are there"
        )
        return
    if isinstance(error, Unauthenticated) and error.reason:
        if API_KEY in options:
            yield f"{options[API_KEY]}: this server does not take this API key"
        else:
            yield f"this server asks for an API key: set {KEY_VARIABLE}, or give --api-key-file"
        return
    if not error.violations:
        path, colon, rest = error.message.partition(": ")
        option = _option(path, options) if colon else None
        yield error.message if option is None else f"{option}: {rest}"
    for violation in error.violations:
        option = _option(violation.field, options)
        yield str(violation) if option is None else f"{option}: {violation.description}"


def _option(path: str, options: Mapping[str, str]) -> str | None:
    """What the user wrote for the field at `path`, or for the nearest one around it."""
    around = [
        known for known in options if path == known or path.startswith((f"{known}.", f"{known}["))
    ]
    return options[max(around, key=len)] if around else None


def _way_out(error: TriptychError) -> str:
    if isinstance(error, Unavailable) and not error.reason:
        return " (start one with triptych-server, or name another with --server HOST:PORT)"
    if isinstance(error, DeadlineExceeded):
        return " (--timeout SECONDS gives it longer)"
    return ""
