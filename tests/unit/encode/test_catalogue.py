"""Names become model folders; a published pair is composed of what fastembed's cache holds."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.random_model import make_random_model
from triptych_server.encode.catalogue import CATALOGUE, resolve_model
from triptych_server.encode.clip import ClipEncoder, load_encoder
from triptych_server.encode.errors import ModelFolderError, ModelUnavailable
from triptych_server.encode.model_folder import load_model_folder
from triptych_server.encode.published import PublishedPair, Snapshot, compose_folder

PAIR = next(entry for entry in CATALOGUE if isinstance(entry, PublishedPair))
VISION_REVISION = "1" * 40
TEXT_REVISION = "2" * 40


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A model folder that stands in for the published one."""
    return make_random_model(tmp_path / "made")


@pytest.fixture
def halves(made: Path, tmp_path: Path) -> tuple[Snapshot, Snapshot]:
    return publish(made, tmp_path / "halves")


def publish(made: Path, root: Path) -> tuple[Snapshot, Snapshot]:
    """The two halves in the form in which the hub has them."""
    vision, text = root / VISION_REVISION, root / TEXT_REVISION
    vision.mkdir(parents=True)
    text.mkdir(parents=True)
    shutil.copy(made / "vision" / "model.onnx", vision / "model.onnx")
    shutil.copy(made / "preprocessor_config.json", vision)
    shutil.copy(made / "text" / "model.onnx", text / "model.onnx")
    shutil.copy(made / "tokenizer.json", text)
    (text / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 12}))
    (text / "config.json").write_text(json.dumps({"max_position_embeddings": 77}))
    return Snapshot(vision, "model.onnx"), Snapshot(text, "model.onnx")


def fill_hub_cache(made: Path, cache: Path) -> None:
    """Lay the halves out as huggingface_hub leaves them after a download."""
    for half, source in zip(
        publish(made, cache / "tmp"), (PAIR.vision_source, PAIR.text_source), strict=True
    ):
        revision = half.folder.name
        repository = cache / f"models--{source.replace('/', '--')}"
        blobs, snapshot = repository / "blobs", repository / "snapshots" / revision
        blobs.mkdir(parents=True)
        snapshot.mkdir(parents=True)
        (repository / "refs").mkdir()
        (repository / "refs" / "main").write_text(revision)
        for file in half.folder.iterdir():
            file.rename(blobs / f"blob-of-{file.name}")
            (snapshot / file.name).symlink_to(f"../../blobs/blob-of-{file.name}")
    shutil.rmtree(cache / "tmp")


def load(folder: Path) -> ClipEncoder:
    return load_encoder(
        "any",
        folder,
        device="cpu",
        threads=1,
        max_image_batch=8,
        max_text_batch=32,
        max_queue=64,
    )


async def test_the_bundled_model_is_there(tmp_path: Path) -> None:
    entry = next(entry for entry in CATALOGUE if entry.name == "tiny-clip")

    encoder = load(resolve_model("tiny-clip", tmp_path))
    info = encoder.info
    await encoder.close()

    assert (info.name, info.dimension, info.licence) == (
        "tiny-clip",
        entry.dimension,
        entry.licence,
    )


def test_a_folder_may_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_model("/models/mine", tmp_path) == Path("/models/mine")
    assert resolve_model("~/mine", tmp_path) == Path.home() / "mine"
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    assert resolve_model("mine", tmp_path / "cache") == Path("mine")


@pytest.mark.parametrize("spec", ["", "clip", "clip-vit-l-14"])
def test_what_is_neither_name_nor_folder_is_told_the_names(spec: str, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="known are tiny-clip, clip-vit-b-32"):
        resolve_model(spec, tmp_path)


async def test_two_halves_become_a_folder(
    made: Path, halves: tuple[Snapshot, Snapshot], tmp_path: Path
) -> None:
    target = tmp_path / "composed"

    compose_folder(PAIR, *halves, target)

    folder = load_model_folder(target)
    assert (folder.name, folder.licence, folder.pooling) == (
        "clip-vit-b-32",
        "MIT",
        PAIR.pooling,
    )
    # Read from the halves, not from the catalogue, which says 512.
    assert (folder.dimension, folder.context_length, folder.image_size) == (48, 12, (40, 40))
    assert folder.revision == "111111111111-222222222222"
    assert len(folder.files) == 4
    original, composed = load(made), load(target)
    text = "a cup of coffee"
    np.testing.assert_array_equal(
        (await original.encode_text(text)).vector, (await composed.encode_text(text)).vector
    )
    await original.close()
    await composed.close()


def test_a_composed_folder_outlives_the_cache(
    halves: tuple[Snapshot, Snapshot], tmp_path: Path
) -> None:
    compose_folder(PAIR, *halves, tmp_path / "composed")

    shutil.rmtree(tmp_path / "halves")

    assert load_model_folder(tmp_path / "composed").dimension == 48


def test_halves_on_another_disk_are_copied(
    halves: tuple[Snapshot, Snapshot], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(18, "Invalid cross-device link", str(source), None, str(target))

    monkeypatch.setattr(os, "link", refuse)

    compose_folder(PAIR, *halves, tmp_path / "composed")

    assert load_model_folder(tmp_path / "composed").dimension == 48


@pytest.mark.parametrize(
    ("half", "name"),
    [(0, "model.onnx"), (0, "preprocessor_config.json"), (1, "model.onnx"), (1, "tokenizer.json")],
)
def test_an_interrupted_fetch_is_never_taken_for_a_model(
    halves: tuple[Snapshot, Snapshot], tmp_path: Path, half: int, name: str
) -> None:
    source = halves[half].folder / name
    kept = source.read_bytes()
    source.unlink()
    target = tmp_path / "composed"

    with pytest.raises(ModelFolderError, match=f"lacks {name}"):
        compose_folder(PAIR, *halves, target)
    assert not (target / "model.json").exists()
    with pytest.raises(ModelFolderError):
        load_model_folder(target)

    source.write_bytes(kept)
    compose_folder(PAIR, *halves, target)
    assert load_model_folder(target).dimension == 48


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"tokenizer_config.json": {"model_max_length": 77}}, 77),
        ({"tokenizer_config.json": {"model_max_length": 10**30}, "config.json": {}}, None),
        ({"config.json": {"max_position_embeddings": 64}}, 64),
        ({"config.json": {"text_config": {"max_position_embeddings": 52}}}, 52),
        (
            {
                "config.json": {"text_config": {"max_position_embeddings": 52}},
                "tokenizer_config.json": {"model_max_length": 40},
            },
            40,
        ),
        ({}, None),
    ],
)
def test_the_context_length_is_the_least_that_is_stated(
    halves: tuple[Snapshot, Snapshot],
    tmp_path: Path,
    files: dict[str, object],
    expected: int | None,
) -> None:
    text = halves[1].folder
    for name in ("tokenizer_config.json", "config.json"):
        (text / name).unlink()
    for name, fields in files.items():
        (text / name).write_text(json.dumps(fields))
    target = tmp_path / "composed"

    if expected is None:
        with pytest.raises(ModelFolderError, match="longest text"):
            compose_folder(PAIR, *halves, target)
    else:
        compose_folder(PAIR, *halves, target)
        assert load_model_folder(target).context_length == expected


def resolve_without_hub(cache: Path) -> subprocess.CompletedProcess[str]:
    """Resolve the published model where the hub's address refuses every connection.

    In a process of its own: the hub's client reads its address once, when it is imported.
    """
    with socket.socket() as reserved:
        # Bound but not listening, so a connection is refused and nobody else takes the port.
        reserved.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        command = [sys.executable, "-c", _RESOLVE, str(cache)]
        environment = {**os.environ, "HF_ENDPOINT": address, "HF_HUB_OFFLINE": "0"}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=50, check=False
        )


_RESOLVE = """
import sys, time
from pathlib import Path
import fastembed
from triptych_server.encode.catalogue import resolve_model
from triptych_server.encode.errors import ModelUnavailable
started = time.monotonic()
try:
    print(resolve_model("clip-vit-b-32", Path(sys.argv[1])))
except ModelUnavailable as error:
    took = time.monotonic() - started
    print(error)
    sys.exit(78 if took < 2 else f"took {took} s")
"""


def test_without_a_hub_there_is_one_clear_error_at_once(tmp_path: Path) -> None:
    done = resolve_without_hub(tmp_path)

    assert done.returncode == 78, done.stderr
    assert "cannot be fetched" in done.stdout
    assert "TRIPTYCH_ENCODERS=clip-vit-b-32=/path/to/model-folder" in done.stdout
    assert "TRIPTYCH_ENCODERS=tiny-clip" in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""
    assert not (tmp_path / "clip-vit-b-32").exists()


async def test_what_an_earlier_fetch_left_is_used_without_a_hub(made: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    fill_hub_cache(made, cache)

    done = resolve_without_hub(cache)

    assert done.returncode == 0, done.stdout + done.stderr
    folder = Path(done.stdout.strip())
    assert folder == cache / "clip-vit-b-32"
    assert load_model_folder(folder).revision == "111111111111-222222222222"
    await load(folder).close()
    # The next start needs neither the hub nor the halves.
    for repository in cache.glob("models--*"):
        shutil.rmtree(repository)
    assert resolve_model("clip-vit-b-32", cache) == folder


def test_half_a_download_is_not_used(made: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    fill_hub_cache(made, cache)
    (snapshot,) = cache.glob("models--*-text/snapshots/*")
    (snapshot / "model.onnx").unlink()

    done = resolve_without_hub(cache)

    assert done.returncode == 78, done.stderr
    assert not (cache / "clip-vit-b-32").exists()
