"""What `import triptych` gives, and what it loads."""

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import triptych

LOADED = """
import json, sys
import triptych
triptych.Client("127.0.0.1:1").close()
print(json.dumps(sorted(sys.modules)))
"""


def test_all_is_what_is_exported() -> None:
    exported = {
        name
        for name, value in vars(triptych).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert exported == set(triptych.__all__)


def test_everything_exported_says_what_it_is() -> None:
    for name in triptych.__all__:
        value = getattr(triptych, name)
        if not value.__module__.startswith("triptych.v1"):  # their words are in the .pyi files
            assert value.__doc__, name


def test_a_client_loads_neither_error_details_nor_the_command() -> None:
    loaded = set(json.loads(subprocess.check_output([sys.executable, "-c", LOADED], text=True)))
    assert "triptych.client" in loaded
    late = {"google.rpc.error_details_pb2", "grpc_status", "grpc_status.rpc_status", "triptych.cli"}
    assert not loaded & late


def test_the_package_is_marked_as_typed() -> None:
    assert (Path(triptych.__file__).parent / "py.typed").is_file()
