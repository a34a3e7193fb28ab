"""Variables of the environment that look like settings of the server, and are none."""

from __future__ import annotations

import re
from collections.abc import Mapping

from triptych_server.domain.errors import clip
from triptych_server.read_settings import nearest
from triptych_server.settings import PREFIX, Settings

# What the `triptych` command reads; the server may well run in the same shell.
OF_THE_COMMAND = frozenset({"SERVER", "TLS", "CA_FILE", "CERT", "CERT_KEY", "API_KEY"})
# Container platforms write the addresses of a service named triptych into every container.
_OF_A_PLATFORM = re.compile(r"(.*_)?(SERVICE_(HOST|PORT(_.+)?)|PORT_\d+_(TCP|UDP|SCTP)(_.+)?)")
_ADDRESS = re.compile(r"(tcp|udp|sctp)://")


def unknown_variables(environment: Mapping[str, str], *, has_keys: bool = False) -> list[str]:
    """A line for each variable that looks like a setting and is none, sorted by name.

    It names the setting that may be meant, and never the value: who knows what it holds.
    ``has_keys`` says whether the server asks for API keys; where it does not, the key that the
    command sends may be one that was meant for the server.
    """
    known = {name.upper() for name in Settings.model_fields}
    of_the_command = OF_THE_COMMAND if has_keys else OF_THE_COMMAND - {"API_KEY"}
    lines = []
    for variable in sorted(environment):
        name = variable.upper().removeprefix(PREFIX)
        if name == variable.upper() or name in known | of_the_command:
            continue
        if name == "API_KEY":
            lines.append(
                f"{clip(variable)} is what the triptych command sends; this server asks for no key "
                f"and lets everybody in: is {PREFIX}API_KEYS meant?"
            )
            continue
        of_a_platform = _OF_A_PLATFORM.fullmatch(name) or _ADDRESS.match(environment[variable])
        if not of_a_platform:
            meant = nearest(name, known)
            hint = f"is {PREFIX}{meant} meant?" if meant else "triptych-server --help lists them"
            lines.append(f"{clip(variable)} is no setting; {hint}")
    return lines
