"""Reads the settings, and says in plain words which of them can't be used."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from pydantic import ValidationError
from pydantic_settings import CliApp, SettingsError

from triptych_server.domain.errors import clip
from triptych_server.domain.store_place import without_secrets
from triptych_server.settings import PREFIX, Settings

_SECRET = frozenset({"qdrant_api_key", "api_keys"})

# What Python's own parser of flags says, and what it means.
_PLAIN: Mapping[str, str] = MappingProxyType(
    {
        "expected one argument": "needs a value",
        "ignored explicit argument": "takes no value, got",
        "unrecognized arguments:": "not understood:",
    }
)


class SettingsProblem(Exception):
    """Settings that can't be used; the text has a line for each, for the operator."""


def read_settings(arguments: Sequence[str]) -> Settings:
    """Settings from flags, else the environment, else the defaults.

    Raises SettingsProblem with every setting that is wrong, and SystemExit for ``--help``.
    """
    try:
        return CliApp.run(Settings, cli_args=list(arguments))
    except ValidationError as error:
        faults = {str(one["loc"][0]): one for one in error.errors()}
        lines = [
            f"{_written(name, arguments)}: {_needed(name, fault['type'], fault['msg'])} "
            f"(got {_shown(name, fault['input'])})"
            for name, fault in faults.items()
        ]
        raise SettingsProblem("\n".join(lines)) from None
    except SettingsError as error:
        raise SettingsProblem("\n".join(_unreadable(str(error), arguments))) from None


def _written(name: str, arguments: Sequence[str]) -> str:
    """How the setting was given: as a flag, or as a variable."""
    flag = _flag(name)
    given = any(argument.partition("=")[0] == flag for argument in arguments)
    return flag if given else f"{PREFIX}{name.upper()}"


def _shown(name: str, value: object) -> str:
    """What was given, but for what is secret in it."""
    if name in _SECRET:
        return "***"
    return (
        "nothing"
        if value is None
        else repr(clip(without_secrets(str(value)) if name == "store" else value))
    )


def _needed(name: str, fault: str, message: str) -> str:
    """What is allowed, in plain words."""
    if fault == "value_error":
        return message.removeprefix("Value error, ")
    field = Settings.model_fields[name]
    limits = {
        bound: value
        for constraint in field.metadata
        for bound in ("ge", "le")
        if (value := getattr(constraint, bound, None)) is not None
    }
    allowed = ""
    if "ge" in limits:
        allowed = (
            f"{limits['ge']} to {limits['le']}" if "le" in limits else f"{limits['ge']} or more"
        )
    if field.annotation is int:
        return f"needs a whole number, {allowed}"
    if field.annotation is float:
        return f"needs a number, {allowed}"
    if isinstance(field.default, bool):
        return "needs true or false"
    return "needs a text"


def _unreadable(message: str, arguments: Sequence[str]) -> list[str]:
    """What is wrong with the flags: every one that is none, or else what the parser says."""
    known = {*Settings.model_fields, "no_reflection", "help"}
    given = (argument.partition("=")[0] for argument in arguments)
    lines = []
    for flag in given:
        # Anything else is a value, which may be a secret.
        name = flag.removeprefix("--").replace("-", "_")
        if not flag.startswith("--") or name in known:
            continue
        meant = nearest(name, known)
        hint = f"is {_flag(meant)} meant?" if meant else "triptych-server --help lists them"
        lines.append(f"{clip(flag)}: is no setting; {hint}")
    if lines:
        return lines
    said = message.removeprefix("error parsing CLI: ").removeprefix("argument ")
    for theirs, ours in _PLAIN.items():
        said = said.replace(theirs, ours)
    return [f"{clip(said)}; triptych-server --help lists the settings"]


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The name in ``known`` that ``name`` is most like; None where none is."""
    return next(iter(difflib.get_close_matches(name, sorted(known), n=1)), None)
