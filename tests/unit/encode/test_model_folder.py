"""Reading a model folder: every lack and contradiction is one clear error that names it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.random_model import make_random_model
from triptych_server.encode.errors import ModelFolderError, StartupError
from triptych_server.encode.model_folder import load_model_folder, sha256_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_random_model(tmp_path / "model")


def edit(folder: Path, change: Callable[[dict[str, object]], object]) -> None:
    path = folder / "model.json"
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields))


def refusal(folder: Path) -> str:
    with pytest.raises(ModelFolderError) as caught:
        load_model_folder(folder)
    assert isinstance(caught.value, StartupError)
    assert str(folder) in str(caught.value)
    return str(caught.value)


def test_a_whole_folder_is_read(folder: Path) -> None:
    model = load_model_folder(folder)

    assert (model.name, model.revision, model.licence) == ("random", "seed-0", "CC0-1.0")
    assert (model.dimension, model.context_length, model.image_size) == (48, 12, (40, 40))
    assert model.pooling == "mean"
    assert {file.path for file in model.files} == {
        "vision/model.onnx",
        "text/model.onnx",
        "tokenizer.json",
        "preprocessor_config.json",
    }
    for path in (model.vision, model.text, model.tokenizer, model.preprocessor):
        assert path.is_file()


def test_the_same_seed_gives_the_same_files(folder: Path, tmp_path: Path) -> None:
    again = load_model_folder(make_random_model(tmp_path / "again"))
    other = load_model_folder(make_random_model(tmp_path / "other", seed=1))

    assert again.files == load_model_folder(folder).files
    assert other.files != again.files


def test_an_absent_folder_is_refused(tmp_path: Path) -> None:
    assert "no such folder" in refusal(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "name",
    [
        "vision/model.onnx",
        "text/model.onnx",
        "tokenizer.json",
        "preprocessor_config.json",
        "model.json",
    ],
)
def test_a_missing_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()

    assert f"lacks {name}" in refusal(folder)


@pytest.mark.parametrize("name", ["vision/model.onnx", "tokenizer.json"])
def test_a_changed_file_is_refused(folder: Path, name: str) -> None:
    with (folder / name).open("ab") as file:
        file.write(b" ")

    assert f"{name} is not the stated file" in refusal(folder)


def test_without_hashes_nothing_is_compared(folder: Path) -> None:
    edit(folder, lambda fields: fields.pop("files"))

    assert load_model_folder(folder).files == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", 5),
        ("revision", None),
        ("dimension", 0),
        ("dimension", True),
        ("dimension", "48"),
        ("context_length", -1),
        ("context_length", 12.0),
        ("image_size", [40]),
        ("image_size", [40, 0]),
        ("image_size", True),
        ("pooling", " "),
        ("licence", []),
        ("files", []),
        ("files", {"/etc/hostname": "00"}),
        ("files", {"../model.json": "00"}),
        ("files", {"tokenizer.json": 1}),
        ("files", {"README": "00"}),
    ],
)
def test_a_value_that_cannot_be_is_refused(folder: Path, field: str, value: object) -> None:
    edit(folder, lambda fields: fields.update({field: value}))

    message = refusal(folder)
    assert f"model.json: {field}" in message or "README cannot be read" in message


def test_height_and_width_may_differ(folder: Path) -> None:
    edit(folder, lambda fields: fields.update(image_size=[40, 48]))

    assert load_model_folder(folder).image_size == (40, 48)


@pytest.mark.parametrize("text", ["", "[]", "{", "\xff"])
def test_an_unreadable_manifest_is_refused(folder: Path, text: str) -> None:
    (folder / "model.json").write_text(text, encoding="latin-1")

    assert "model.json" in refusal(folder)


def test_the_hash_is_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")

    assert sha256_of(tmp_path / "file") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
