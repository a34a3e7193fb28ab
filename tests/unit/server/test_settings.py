"""Settings: the table of docs/running.md, flags and environment, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from triptych_server.domain.api_keys import split_keys
from triptych_server.domain.store_place import QdrantAddress
from triptych_server.read_settings import SettingsProblem, read_settings
from triptych_server.settings import PREFIX, Settings
from triptych_server.variables import unknown_variables

MANUAL = Path(__file__).parents[3] / "docs" / "running.md"


@pytest.fixture(autouse=True)
def no_settings_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
        monkeypatch.delenv(name)


def test_the_manual_has_this_table() -> None:
    text = MANUAL.read_text(encoding="utf-8")
    for name, field in Settings.model_fields.items():
        default = str(field.default)
        shown = default.lower() if isinstance(field.default, bool) else default
        assert f"| `{PREFIX}{name.upper()}` | `{shown}` | {field.description} |\n" in text
    assert text.count(f"| `{PREFIX}") == len(Settings.model_fields)


def test_flags_come_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIPTYCH_THREADS", "3")
    monkeypatch.setenv("TRIPTYCH_ENCODERS", "a=/models/a, tiny-clip")
    assert read_settings([]).thread_count == 3
    assert read_settings(["--threads", "5"]).thread_count == 5
    assert read_settings([]).encoder_specs == (("a", "/models/a"), ("tiny-clip", "tiny-clip"))
    assert read_settings(["--no-reflection"]).reflection is False


def test_gpus_are_numbers() -> None:
    assert read_settings([]).gpus == (0,)
    assert read_settings(["--device", "cuda", "--device-ids", "2, 0"]).gpus == (2, 0)
    assert problem("--device", "cpu", "--device-ids", "0,1") == [
        "--device-ids: needs TRIPTYCH_DEVICE=cuda for more than one (got '0,1')"
    ]


def problem(*arguments: str) -> list[str]:
    with pytest.raises(SettingsProblem) as caught:
        read_settings(arguments)
    return str(caught.value).splitlines()


def test_every_wrong_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIPTYCH_LISTEN", "nowhere")
    monkeypatch.setenv("TRIPTYCH_MAX_QUEUE", "-1")
    assert problem("--threads", "many", "--log-level=loud") == [
        "TRIPTYCH_LISTEN: needs host:port, port 0 to 65535 (got 'nowhere')",
        "--threads: needs a whole number, 0 to 256 (got 'many')",
        "TRIPTYCH_MAX_QUEUE: needs a whole number, 1 to 1000000 (got '-1')",
        "--log-level: needs DEBUG, INFO, WARNING or ERROR (got 'loud')",
    ]


@pytest.mark.parametrize(
    ("name", "values", "needed"),
    [
        ("LISTEN", ["nowhere", ":50051", "a:65536", "a:", ""], "host:port, port 0 to 65535"),
        (
            "STORE",
            "|embedded:|/data|qdrant:|qdrant://|qdrant:host|qdrant:///x|http://host:6333|"
            "qdrant://host:0|qdrant://host:70000|qdrant://host:x".split("|"),
            "embedded:FOLDER or qdrant://HOST[:PORT][/PREFIX] (qdrants:// for TLS)",
        ),
        (
            "ENCODERS",
            ["", "a,,b", "a,a", "=x"],
            "NAME or NAME=FOLDER, joined by commas, no name twice",
        ),
        (
            "PICTURES",
            ["", "somewhere", "folder:", "folder:/", "s3:bucket", "s3://", "://x", "a::s3://b"],
            "folder:PATH, a URL such as s3://BUCKET/PATH, or auto",
        ),
        ("DEVICE", ["", "gpu", "CPU"], "cpu, cuda or auto"),
        (
            "DEVICE_IDS",
            ["", "a", "-1", "0,", "0,0", "1, 01", "1000", "²"],
            "numbers from 0 to 999, joined by commas, none twice",
        ),
        ("GPU_MEMORY_BYTES", ["", "-1", "8G"], "a whole number, 0 or more"),
        ("THREADS", ["", "x", "-1", "257", "1.5", "1e2", "²"], "a whole number, 0 to 256"),
        ("MODEL_CACHE", [""], "a folder"),
        ("MAX_BYTES_IN_FLIGHT", ["65535", "64K"], "a whole number, 65536 or more"),
        (
            "OCR_LANGUAGE",
            ["", "--psm 0", "deu+"],
            "a language as Tesseract names it, such as eng or deu+eng",
        ),
        ("REFLECTION", ["", "maybe", "2"], "true or false"),
        ("DRAIN_SECONDS", ["", "soon", "-1", "nan", "inf"], "a number, 0 to 600"),
        ("LOG_LEVEL", ["", "loud"], "DEBUG, INFO, WARNING or ERROR"),
    ],
)
def test_a_wrong_value_is_told_with_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, values: list[str], needed: str
) -> None:
    for value in values:
        monkeypatch.setenv(f"TRIPTYCH_{name}", value)
        assert problem() == [f"TRIPTYCH_{name}: needs {needed} (got {value!r})"]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_tells_its_fault_in_words_of_our_own(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    value = ",\x1b[31m \n" * 40
    monkeypatch.setenv(f"{PREFIX}{name.upper()}", value)
    if name == "model_cache":
        assert read_settings([]).model_cache == Path(value)  # any text may be a path
        return
    [line] = problem()
    assert line.startswith(f"{PREFIX}{name.upper()}: needs ")
    if name == "qdrant_api_key":
        assert line.endswith(": needs a text of printable ASCII (got ***)")
        return
    if name == "api_keys":
        assert line.endswith(" (= at the end), joined by commas (got ***)")
        return
    assert line.endswith("(got '" + (",?[31m ?" * 10)[:63] + "…')")
    assert "nput should" not in line
    assert "Value error" not in line


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (
            ["--threds", "5", "--liste=x", "--port", "1"],
            [
                "--threds: is no setting; is --threads meant?",
                "--liste: is no setting; is --listen meant?",
                "--port: is no setting; triptych-server --help lists them",
            ],
        ),
        (
            ["--encoders", "tiny-clip", "--qdrant-api-key", "se-cret", "--threds", "5"],
            ["--threds: is no setting; is --threads meant?"],
        ),
        (["--threads"], ["--threads: needs a value; triptych-server --help lists the settings"]),
        (["extra"], ["not understood: extra; triptych-server --help lists the settings"]),
        (
            ["--no-reflection=x"],
            [
                "--reflection/--no-reflection: takes no value, got 'x'; "
                "triptych-server --help lists the settings"
            ],
        ),
    ],
)
def test_flags_that_there_are_not(arguments: list[str], lines: list[str]) -> None:
    assert problem(*arguments) == lines


def test_variables_that_are_no_settings_are_named_without_their_values() -> None:
    environment = {
        "TRIPTYCH_THREADS": "4",
        "triptych_threads": "4",
        "TRIPTYCH_SERVER": "127.0.0.1:50051",
        "TRIPTYCH_TREADS": "4",
        "TRIPTYCH_OCR_LANG": "deu",
        "TRIPTYCH_API_KEY": "hunter2",
        "triptych_stor": "embedded:x",
        "PATH": "/bin",
        # As Kubernetes writes them for services named triptych and triptych-server.
        "TRIPTYCH_SERVICE_HOST": "10.0.0.1",
        "TRIPTYCH_SERVICE_PORT_GRPC": "50051",
        "TRIPTYCH_PORT": "tcp://10.0.0.1:50051",
        "TRIPTYCH_PORT_50051_TCP_ADDR": "10.0.0.1",
        "TRIPTYCH_SERVER_SERVICE_PORT": "50051",
        "TRIPTYCH_SERVER_PORT_50051_TCP": "tcp://10.0.0.1:50051",
    }
    assert unknown_variables(environment) == [
        "TRIPTYCH_API_KEY is what the triptych command sends; this server asks for no key and lets "
        "everybody in: is TRIPTYCH_API_KEYS meant?",
        "TRIPTYCH_OCR_LANG is no setting; is TRIPTYCH_OCR_LANGUAGE meant?",
        "TRIPTYCH_TREADS is no setting; is TRIPTYCH_THREADS meant?",
        "triptych_stor is no setting; is TRIPTYCH_STORE meant?",
    ]
    of_the_command = ("API_KEY", "TLS", "CA_FILE", "CERT", "CERT_KEY", "SERVER")
    assert not unknown_variables({f"TRIPTYCH_{n}": "x" for n in of_the_command}, has_keys=True)


def start(**settings: str) -> subprocess.CompletedProcess[str]:
    """The server, with these settings and nothing else of ours in its environment."""
    return start_with(**settings)


def start_with(*flags: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """The same, with flags."""
    given = {f"{PREFIX}{name.upper()}": value for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "triptych_server", *flags],
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_server_tells_them_all_and_exits_78() -> None:
    done = start(threads="x", device="gpu", treads="4")
    assert done.returncode == 78
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "triptych-server: TRIPTYCH_DEVICE: needs cpu, cuda or auto (got 'gpu')",
        "triptych-server: TRIPTYCH_THREADS: needs a whole number, 0 to 256 (got 'x')",
        "triptych-server: TRIPTYCH_TREADS is no setting; is TRIPTYCH_THREADS meant?",
    ]


def test_the_server_warns_of_a_variable_that_is_no_setting(tmp_path: Path) -> None:
    none = f"mine={tmp_path / 'none'}"
    place = f"embedded:{tmp_path}"
    done = start(treads="4", encoders=none, store=place, listen="127.0.0.1:0", log_level="warning")
    assert done.returncode == 78
    warning, end = done.stderr.splitlines()
    assert warning.endswith(
        " WARNING triptych TRIPTYCH_TREADS is no setting; is TRIPTYCH_THREADS meant?"
    )
    assert end.startswith("triptych-server: model folder ")


@pytest.mark.parametrize(
    ("store", "place"),
    [
        ("embedded:./data", Path("data")),
        ("embedded:qdrant://x", Path("qdrant:/x")),
        ("qdrant://host", QdrantAddress("host", 6334, False, "")),
        ("qdrant://host:7000/", QdrantAddress("host", 7000, False, "")),
        ("qdrants://q.example.org:443/live-2", QdrantAddress("q.example.org", 443, True, "live-2")),
        ("qdrant://[::1]:6334", QdrantAddress("[::1]", 6334, False, "")),
    ],
)
def test_where_the_store_is(store: str, place: Path | QdrantAddress) -> None:
    assert read_settings(["--store", store, "--pictures", "folder:/srv"]).store_place == place


def test_beside_a_qdrant_server_pictures_need_a_place() -> None:
    assert problem("--store", "qdrant://host") == [
        "TRIPTYCH_PICTURES: needs folder:PATH or a URL, since the store is no folder (got 'auto')"
    ]


@pytest.mark.parametrize("rest", ["/a/b", "/A", "#x", "?tls=true"])
def test_an_address_with_something_else_behind_it(rest: str) -> None:
    [line] = problem("--store", f"qdrant://host{rest}")
    assert "; PREFIX is 1 to 63 of a-z, 0-9, _ and - (got " in line


def test_the_key_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIPTYCH_QDRANT_API_KEY", "sesame")
    settings = read_settings([])
    assert settings.qdrant_key == "sesame"
    assert "sesame" not in repr(settings)
    monkeypatch.setenv("TRIPTYCH_QDRANT_API_KEY", "")
    assert read_settings([]).qdrant_key is None
    for store in ("qdrant://sesame@host", "qdrant://u:sesame@host/x", "qdrant://h?key=sesame"):
        [line] = problem("--store", store)
        assert line.startswith("--store: ")
        assert "***" in line
        assert "sesame" not in line


def test_half_a_pair_of_pem_files_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pem = Path("server.pem")
    pem.touch()
    assert problem("--tls-certificate", str(pem)) == [
        "TRIPTYCH_TLS_KEY: needs the private key of the certificate (got nothing)"
    ]
    for name in ("--tls-key", "--tls-client-ca"):
        assert problem(name, str(pem)) == [
            f"{name}: needs TRIPTYCH_TLS_CERTIFICATE beside it (got 'server.pem')"
        ]
    gone = "gone.pem"
    assert problem("--tls-certificate", gone, "--tls-key", gone) == [
        f"{name}: needs a file that is there (got 'gone.pem')"
        for name in ("--tls-certificate", "--tls-key")
    ]
    # A compose file hands on what is not set as an empty text.
    given = ["--tls-certificate=", "--tls-key=", "--tls-client-ca=", "--api-keys-file="]
    settings = read_settings([*given, "--api-keys="])
    assert (settings.tls_certificate, settings.tls_key, settings.tls_client_ca) == (None,) * 3
    assert settings.api_keys_file is None
    assert split_keys(settings.api_keys) == ()


def test_api_keys_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIPTYCH_API_KEYS", "open-sesame-0123, open-sesame-4567")
    settings = read_settings([])
    assert split_keys(settings.api_keys) == ("open-sesame-0123", "open-sesame-4567")
    assert "sesame" not in f"{settings!r} {settings}"
    shown = start_with("--help", api_keys="open-sesame-0123")
    assert shown.returncode == 0
    assert "--api-keys" in shown.stdout
    assert "sesame" not in shown.stdout
    for keys in ("sesame", "open-sesame-0123,", "open-sesame 0123", "open-sesame-0123;x" * 20):
        [line] = problem("--api-keys", keys)
        assert line.startswith("--api-keys: needs keys of 16 to 256 of A-Z, ")
        assert line.endswith(", joined by commas (got ***)")


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ("auto", Path("/srv/data/pictures")),
        ("folder:/srv/pictures", Path("/srv/pictures")),
        ("file:///srv/pictures", Path("/srv/pictures")),
        ("s3://bucket/pictures", "s3://bucket/pictures"),
        ("memory://x", "memory://x"),
    ],
)
def test_where_pictures_are(value: str, place: Path | str) -> None:
    settings = read_settings(["--store", "embedded:/srv/data", "--pictures", value])
    assert settings.pictures_place == place
