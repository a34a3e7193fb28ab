"""``triptych-server``: reads the settings, serves until SIGTERM or SIGINT, exits 0.

Exit codes: 78 where a setting, a PEM file, a file of keys, a model, the device asked for or the
Qdrant server can't be used (EX_CONFIG), 73 where the store's folder or the port is taken, or the
picture store can't be written (EX_CANTCREAT). Prints ``listening on HOST:PORT`` once it answers.
``triptych-server convert-model`` and ``triptych-server optimize`` are commands of their own: see
``triptych_server.convert_command`` and ``triptych_server.optimize``.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Sequence

EX_CANTCREAT = 73
EX_CONFIG = 78


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server; the exit code."""
    from triptych_server.read_settings import SettingsProblem, read_settings
    from triptych_server.variables import unknown_variables

    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["convert-model"]:
        from triptych_server.convert_command import main as convert

        return convert(given[1:])
    if given[:1] == ["optimize"]:
        from triptych_server.optimize import main as optimize

        return optimize(given[1:])
    if "--version" in given:
        from importlib.metadata import version

        sys.stdout.write(f"triptych-server {version('triptych')}\n")
        return 0
    try:
        settings = read_settings(given)
    except SettingsProblem as problem:
        # Whether keys are set is not known; the problem comes first.
        lines = [*str(problem).splitlines(), *unknown_variables(os.environ, has_keys=True)]
        sys.stderr.writelines(f"triptych-server: {line}\n" for line in lines)
        return EX_CONFIG
    logging.basicConfig(
        level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    has_keys = settings.api_keys is not None or settings.api_keys_file is not None
    for line in unknown_variables(os.environ, has_keys=has_keys):
        logging.getLogger("triptych").warning("%s", line)

    # gRPC writes its own lines to stderr, of a port that is taken, say, beside the service's.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # Tesseract's own threads make it slower, and would take cores from the encoders.
    os.environ.setdefault("OMP_THREAD_LIMIT", "1")

    from triptych_server.app import App
    from triptych_server.encode.errors import StartupError
    from triptych_server.rpc.access import AccessProblem
    from triptych_server.store.errors import PicturesUnusable, StoreStartError, StoreUnsuitable

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        async with App(settings) as app:
            # What there is by now stays: the collector of cycles need not look through it again and
            # again, which held all calls for 25 ms each time.
            gc.freeze()
            sys.stdout.write(f"listening on {app.address}\n")
            sys.stdout.flush()
            await app.serve(stop)

    try:
        asyncio.run(run())
    except (AccessProblem, StartupError) as error:
        sys.stderr.write(f"triptych-server: {error}\n")
        return EX_CONFIG
    except StoreStartError as error:
        sys.stderr.write(f"triptych-server: the store in {error.place}: {error}\n")
        return EX_CONFIG if isinstance(error, StoreUnsuitable) else EX_CANTCREAT
    except PicturesUnusable as error:
        sys.stderr.write(f"triptych-server: the picture store can't be used: {error}\n")
        return EX_CANTCREAT
    except OSError as error:
        sys.stderr.write(f"triptych-server: {error}\n")
        return EX_CANTCREAT
    return 0


if __name__ == "__main__":
    sys.exit(main())
