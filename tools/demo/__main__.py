"""``make demo``: draws pictures, serves them, and asks questions whose answers it checks.

Exit status: 0 when every expected picture was found, 1 when one was not or something is missing
on this machine, 128 and the signal's number when it was interrupted.
"""

import sys
from importlib.util import find_spec

NEEDED = ("grpc", "grpc_health", "numpy", "PIL", "rich", "triptych", "triptych_server", "typer")


def main() -> int:
    """Runs the demo; returns the exit status."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"demo: this Python lacks {', '.join(missing)}; `make demo` makes an environment that "
            "has everything, and runs the demo in it\n"
        )
        return 1
    from tools.demo.run import run

    return run()


if __name__ == "__main__":
    sys.exit(main())
