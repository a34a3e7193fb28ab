"""``triptych-server convert-model --precision int8|fp16 MODEL TARGET``: makes a model folder.

MODEL is a name of the catalogue, fetched where it is missing, or a model folder in fp32; TARGET is
the folder to make of it, which must not exist. Needs ``triptych[convert]``. Exits 0 where TARGET is
made, 78 where a setting or the model can't be used or the conversion failed, 2 for wrong arguments.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

EX_CONFIG = 78


def main(arguments: Sequence[str]) -> int:
    """Convert once; the exit code."""
    # Before onnxruntime is loaded, which reads it then.
    os.environ.setdefault("OMP_THREAD_LIMIT", "1")

    from triptych_server.encode.catalogue import resolve_model
    from triptych_server.encode.convert_model import convert_model
    from triptych_server.encode.errors import StartupError
    from triptych_server.encode.model_folder import Precision
    from triptych_server.read_settings import SettingsProblem, read_settings

    parser = argparse.ArgumentParser(
        prog="triptych-server convert-model",
        description="Makes a model folder of another precision from one in fp32: int8 for a CPU, "
        "fp16 for a GPU. Vectors of two precisions are never mixed in a collection.",
    )
    wanted = [precision.value for precision in Precision if precision is not Precision.FP32]
    parser.add_argument("--precision", choices=wanted, required=True)
    parser.add_argument("model", metavar="MODEL", help="a model's name, or its folder")
    parser.add_argument("target", metavar="TARGET", type=Path, help="the folder to make")
    given = parser.parse_args(list(arguments))
    try:
        settings = read_settings([])
    except SettingsProblem as problem:
        sys.stderr.write(f"triptych-server: {problem}\n")
        return EX_CONFIG
    logging.basicConfig(level=settings.log_level, format="%(message)s")
    try:
        source = resolve_model(given.model, settings.model_cache.expanduser())
        made = convert_model(source, given.target, Precision(given.precision))
    except StartupError as error:
        sys.stderr.write(f"triptych-server: {error}\n")
        return EX_CONFIG
    sys.stdout.write(f"{made}\n")
    return 0
