"""What an import costs: the client loads no server library, the server none that it may not use."""

import json
import subprocess
import sys

import pytest

_LOADED = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        (
            "triptych",
            {"numpy", "onnxruntime", "qdrant_client", "qdrant_edge", "PIL", "typer", "rich"},
        ),
        # On the embedded store the service runs without the first, which costs over a second, and
        # without the second until there is an expression in a filter. The third is for models that
        # have to be fetched.
        ("triptych_server.app", {"qdrant_client", "lark", "fastembed", "onnxruntime", "PIL"}),
        ("triptych_server.store.edge_engine", {"asyncio", "grpc", "google", "PIL", "pydantic"}),
        ("triptych_server.encode.decoder", {"asyncio", "grpc", "google", "onnxruntime"}),
    ],
)
def test_importing_it_loads_none_of(module: str, absent: set[str]) -> None:
    command = [sys.executable, "-c", _LOADED, module]
    loaded = set(json.loads(subprocess.check_output(command, text=True)))
    assert module.partition(".")[0] in loaded
    assert not loaded & absent
