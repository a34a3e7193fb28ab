"""Settings: the table of the README, flags and environment, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from triptych_server.settings import (
    PREFIX,
    QdrantAddress,
    Settings,
    SettingsProblem,
    read_settings,
)

README = Path(__file__).parents[3] / "README.md"


def test_the_readme_has_this_table() -> None:
    text = README.read_text(encoding="utf-8")
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


def test_every_wrong_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIPTYCH_LISTEN", "nowhere")
    monkeypatch.setenv("TRIPTYCH_MAX_QUEUE", "-1")
    with pytest.raises(SettingsProblem) as caught:
        read_settings([])
    lines = str(caught.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["TRIPTYCH_LISTEN", "TRIPTYCH_MAX_QUEUE"]
    assert "nowhere" in lines[0]


@pytest.mark.parametrize("value", ["", "a,,b", "a,a", "=x"])
def test_encoders_that_are_no_list(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TRIPTYCH_ENCODERS", value)
    with pytest.raises(SettingsProblem, match="TRIPTYCH_ENCODERS"):
        read_settings([])


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
    assert read_settings(["--store", store]).store_place == place


@pytest.mark.parametrize(
    "store",
    [
        *("", "embedded:", "qdrant", "qdrant:", "qdrant://", "qdrant:host", "qdrant:///x"),
        *("http://host:6333", "qdrant://host:x", "qdrant://host:0", "qdrant://host:70000"),
        *("qdrant://host/a/b", "qdrant://host/A", "qdrant://host#x", "qdrant://host?tls=true"),
    ],
)
def test_a_store_that_is_none(store: str) -> None:
    with pytest.raises(SettingsProblem, match=r"TRIPTYCH_STORE: needs embedded:FOLDER or qdrant:"):
        read_settings(["--store", store])


def test_the_key_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIPTYCH_QDRANT_API_KEY", "sesame")
    settings = read_settings([])
    assert settings.qdrant_key == "sesame"
    assert "sesame" not in repr(settings)
    monkeypatch.setenv("TRIPTYCH_QDRANT_API_KEY", "")
    assert read_settings([]).qdrant_key is None
    for store in ("qdrant://sesame@host", "qdrant://u:sesame@host/x", "qdrant://h?key=sesame"):
        with pytest.raises(SettingsProblem) as caught:
            read_settings(["--store", store])
        assert "sesame" not in str(caught.value)
