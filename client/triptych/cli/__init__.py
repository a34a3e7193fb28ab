"""The `triptych` command.

`triptych.cli.table.render_search` and `triptych.cli.sheet.contact_sheet` are of use to programs
too; the rest is the command's own.
"""

import sys
from importlib.util import find_spec

__all__ = ["main"]

NEEDED = ("typer", "rich", "PIL")


def main() -> None:
    """Runs the command and ends the process with its exit status."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"triptych: the command needs {' and '.join(missing)}; "
            'install it with: pip install "triptych[cli]"\n'
        )
        sys.exit(1)
    from triptych.cli.app import run

    sys.exit(run())
