"""Models of other precisions: what they keep of the fp32 one, and what is refused."""

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from tests.support.random_model import make_random_model, rebuild, restate
from triptych_server.__main__ import main
from triptych_server.encode.catalogue import resolve_model
from triptych_server.encode.clip import ClipEncoder, load_encoder
from triptych_server.encode.convert_model import Precision, convert_model
from triptych_server.encode.errors import ConversionError, DeviceError, ModelFolderError
from triptych_server.encode.graph_int8 import quantised_columns
from triptych_server.encode.model_folder import load_model_folder
from triptych_server.encode.preprocess import read_image_recipe
from triptych_server.encode.session import Device, open_session
from triptych_server.encode.tokenize import TextTokenizer
from triptych_server.encode.towers import TextTower, VisionTower

Vectors = NDArray[np.float32]

TEXTS = [
    "a",
    "a cup of coffee",
    "a small white house by the road, with two trees and a blue door in the rain",
    "snow on 3 black cats",
] * 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_random_model(tmp_path / "model")


@pytest.fixture(scope="module", params=["random", "tiny-clip"])
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("convert")
    if request.param == "tiny-clip":
        return resolve_model("tiny-clip", place)
    return make_random_model(place / "model")


@pytest.fixture(scope="module")
def int8(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert_model(source, tmp_path_factory.mktemp("int8") / "deep" / "made", Precision.INT8)


def embeddings(path: Path, *, batch: int) -> tuple[Vectors, Vectors]:
    """Vectors of some pictures and of TEXTS, ``batch`` at a time."""
    folder = load_model_folder(path)
    tokenizer = TextTokenizer(path, folder.context_length)
    vision, text = (
        open_session(model, device=Device.CPU, threads=1) for model in (folder.vision, folder.text)
    )
    rng = np.random.default_rng(7)
    tiles = rng.integers(0, 256, (8, 8, 8, 3), dtype=np.uint8)
    height, width = (side // 8 for side in folder.image_size)
    pictures = list(tiles.repeat(height, axis=1).repeat(width, axis=2))
    towers = (
        VisionTower(folder, vision, read_image_recipe(path)),
        TextTower(folder, text, tokenizer),
    )
    rows = [tokenizer.wrap(tokenizer.content(one)[: tokenizer.capacity]) for one in TEXTS]
    return (
        np.concatenate([towers[0].encode(pictures[n : n + batch]) for n in range(0, 8, batch)]),
        np.concatenate([towers[1].encode(rows[n : n + batch]) for n in range(0, 8, batch)]),
    )


def turn(one: Vectors, other: Vectors) -> float:
    """The largest 1 − cosine of two vectors of the same input."""
    return float(1 - (one.astype(np.float64) * other).sum(axis=1).min())


def test_int8_embeddings_stay_near_those_of_fp32(source: Path, int8: Path) -> None:
    for exact, made in zip(embeddings(source, batch=8), embeddings(int8, batch=8), strict=True):
        assert 0 < turn(exact, made) < 5e-3
        # Two inputs are told apart as before.
        np.testing.assert_allclose(made @ made.T, exact @ exact.T, atol=0.02)


def test_fp16_embeddings_stay_near_those_of_fp32(source: Path, tmp_path: Path) -> None:
    target = convert_model(source, tmp_path / "made", Precision.FP16)

    for exact, made in zip(embeddings(source, batch=8), embeddings(target, batch=8), strict=True):
        assert 0 < turn(exact, made) < 2e-6


def test_an_int8_embedding_does_not_depend_on_its_batch(int8: Path) -> None:
    for alone, together in zip(embeddings(int8, batch=1), embeddings(int8, batch=8), strict=True):
        np.testing.assert_allclose(alone, together, atol=1e-6)


def test_the_folder_says_what_it_is(source: Path, int8: Path) -> None:
    was, made = load_model_folder(source), load_model_folder(int8)
    assert (was.precision, made.precision) == (Precision.FP32, Precision.INT8)
    assert made.revision.startswith(f"{was.revision}-int8-")
    assert (made.name, made.licence, made.dimension) == (was.name, was.licence, was.dimension)
    assert made.tokenizer.read_bytes() == was.tokenizer.read_bytes()
    assert made.preprocessor.read_bytes() == was.preprocessor.read_bytes()
    assert {file.path for file in made.files} == {
        "vision/model.onnx",
        "text/model.onnx",
        "tokenizer.json",
        "preprocessor_config.json",
    }
    # Nothing is left beside it, and what is written of the fp32 model's figures stays there.
    assert [path.name for path in int8.parent.iterdir()] == ["made"]
    card = source / "MODEL_CARD.md"
    if card.exists():
        assert (int8 / "MODEL_CARD.md").read_bytes() == card.read_bytes()
        assert not (int8 / "evaluation.json").exists()


def test_the_same_model_gives_the_same_revision(folder: Path, tmp_path: Path) -> None:
    one, two = (
        load_model_folder(convert_model(folder, tmp_path / name, Precision.INT8))
        for name in ("one", "two")
    )
    assert one.revision == two.revision
    other = make_random_model(tmp_path / "other", seed=1)
    restate(other, revision="seed-0")
    third = load_model_folder(convert_model(other, tmp_path / "three", Precision.INT8))
    assert third.revision != one.revision


async def test_it_loads_as_an_encoder_with_stamps_of_its_own(folder: Path, tmp_path: Path) -> None:
    stamps = set()
    for path in (
        folder,
        convert_model(folder, tmp_path / "int8", Precision.INT8),
        convert_model(folder, tmp_path / "fp16", Precision.FP16),
    ):
        encoder = load(path)
        stamps.add(encoder.info.image_stamp)
        stamps.add(encoder.info.text_stamp)
        assert encoder.info.precision == json.loads((path / "model.json").read_text()).get(
            "precision", "fp32"
        )
        await encoder.close()
    assert len(stamps) == 6


def load(path: Path, device: str = "cpu") -> ClipEncoder:
    return load_encoder(
        "any",
        path,
        device=device,
        threads=1,
        max_image_batch=8,
        max_text_batch=8,
        max_queue=8,
    )


async def test_int8_is_for_the_cpu_and_fp16_is_not(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    int8 = convert_model(folder, tmp_path / "int8", Precision.INT8)
    fp16 = convert_model(folder, tmp_path / "fp16", Precision.FP16)

    with pytest.raises(DeviceError, match="int8, which runs on the CPU alone"):
        load(int8, "cuda")
    await load(int8, "auto").close()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    await load(fp16).close()
    assert "fp16, which the CPU computes in fp32" in caplog.text


@pytest.mark.parametrize("transposed", [0, 1])
def test_a_product_with_a_bias_in_one_node_is_quantised_too(
    folder: Path, tmp_path: Path, transposed: int
) -> None:
    def as_gemm(model: onnx.ModelProto) -> None:
        node = next(n for n in model.graph.node if n.op_type == "MatMul")
        weight = next(w for w in model.graph.initializer if w.name == "project")
        values = numpy_helper.to_array(weight)
        bias = np.linspace(-1, 1, values.shape[1], dtype=np.float32)
        weight.CopyFrom(numpy_helper.from_array(values.T if transposed else values, "project"))
        model.graph.initializer.append(numpy_helper.from_array(bias, "bias"))
        node.CopyFrom(
            helper.make_node("Gemm", ["pooled", "project", "bias"], node.output, transB=transposed)
        )

    rebuild(folder, "vision", as_gemm)
    target = convert_model(folder, tmp_path / "made", Precision.INT8)

    assert kinds(target, "vision")["MatMulIntegerToFloat"] == 1
    assert "Gemm" not in kinds(target, "vision")
    exact, made = embeddings(folder, batch=8)[0], embeddings(target, batch=8)[0]
    assert 0 < turn(exact, made) < 1e-3


def test_a_newer_opset_is_quantised_too(folder: Path, tmp_path: Path) -> None:
    def newer(model: onnx.ModelProto) -> None:
        model.CopyFrom(onnx.version_converter.convert_version(model, 20))

    rebuild(folder, "vision", newer)
    target = convert_model(folder, tmp_path / "made", Precision.INT8)

    exact, made = embeddings(folder, batch=8)[0], embeddings(target, batch=8)[0]
    assert 0 < turn(exact, made) < 1e-3


def kinds(folder: Path, half: str) -> dict[str, int]:
    """How often each kind of node is there."""
    model = onnx.load(str(folder / half / "model.onnx"))
    found: dict[str, int] = {}
    for node in model.graph.node:
        found[node.op_type] = found.get(node.op_type, 0) + 1
    return found


WEIGHTS = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 12), st.integers(1, 5)),
    elements=st.floats(-1000, 1000, width=32, allow_subnormal=False),
)


@settings(max_examples=60, deadline=None)
@given(WEIGHTS)
def test_no_two_neighbouring_weights_overflow_16_bits(weight: NDArray[np.float32]) -> None:
    values, scales = quantised_columns(weight)

    wide = values.astype(np.int64)
    assert np.abs(wide).max() <= 127
    # Activations go from 0 to 255.
    pairs = wide[1:] * 255, wide[:-1] * 255
    assert np.abs(pairs[0] + pairs[1]).max(initial=0) <= 2**15 - 1
    np.testing.assert_allclose(values * scales, weight, atol=float(scales.max()) * 0.501 + 1e-30)


def test_numbers_that_float16_cannot_hold_stay_in_float32(folder: Path, tmp_path: Path) -> None:
    """Run by onnx's own reference in real float16: onnxruntime's CPU would compute in float32."""

    def swell(model: onnx.ModelProto) -> None:
        factor = numpy_helper.from_array(np.array(3e6, np.float32), "factor")
        model.graph.initializer.append(factor)
        at = next(n for n, node in enumerate(model.graph.node) if node.op_type == "ReduceMean")
        model.graph.node[at].input[0] = "shrunk"
        model.graph.node.insert(at, helper.make_node("Div", ["swollen", "factor"], ["shrunk"]))
        model.graph.node.insert(at, helper.make_node("Mul", ["active", "factor"], ["swollen"]))

    rebuild(folder, "vision", swell)
    target = convert_model(folder, tmp_path / "made", Precision.FP16)

    rng = np.random.default_rng(0)
    feeds = {"pixel_values": rng.standard_normal((3, 3, 40, 40)).astype(np.float32)}
    exact, made = (as_written(path / "vision" / "model.onnx", feeds) for path in (folder, target))
    scale = np.abs(exact).max()
    np.testing.assert_allclose(made / scale, exact / scale, atol=3e-3)
    # And yet the weights of the rest are halved.
    model = onnx.load(str(target / "vision" / "model.onnx"))
    types = {w.name: w.data_type for w in model.graph.initializer}
    assert types["project"] == onnx.TensorProto.FLOAT16


def as_written(model: Path, feeds: dict[str, Vectors]) -> Vectors:
    """The output of a model, each of its nodes computed in the type that is written there."""
    outputs: Any = ReferenceEvaluator(str(model)).run(None, feeds)
    return np.asarray(outputs[0])


def test_a_mask_is_no_overflow(folder: Path, tmp_path: Path) -> None:
    def masked(model: onnx.ModelProto) -> None:
        low = numpy_helper.from_array(np.array(np.finfo(np.float32).min, np.float32), "low")
        model.graph.initializer.append(low)
        at = next(n for n, node in enumerate(model.graph.node) if node.op_type == "Tanh")
        model.graph.node[at].input[0] = "kept"
        # A row of all places and one that the mask puts out of sight: the larger of the two.
        model.graph.node.insert(at, helper.make_node("Max", ["placed", "far"], ["kept"]))
        model.graph.node.insert(at, helper.make_node("Add", ["placed", "low"], ["far"]))

    rebuild(folder, "vision", masked)
    target = convert_model(folder, tmp_path / "made", Precision.FP16)

    exact, made = embeddings(folder, batch=8)[0], embeddings(target, batch=8)[0]
    assert turn(exact, made) < 2e-6
    model = onnx.load(str(target / "vision" / "model.onnx"))
    assert {w.name: w.data_type for w in model.graph.initializer}["low"] == onnx.TensorProto.FLOAT16


def _file(target: Path) -> None:
    target.write_text("mine")


def _folder(target: Path) -> None:
    target.mkdir()


def _dangling(target: Path) -> None:
    target.symlink_to(target.parent / "nowhere")


@pytest.mark.parametrize("occupy", [_file, _folder, _dangling])
def test_what_stands_at_the_target_is_kept(
    folder: Path, tmp_path: Path, occupy: Callable[[Path], None]
) -> None:
    target = tmp_path / "target"
    occupy(target)
    before = sorted(path.name for path in tmp_path.iterdir())

    with pytest.raises(ConversionError, match="exists already"):
        convert_model(folder, target, Precision.INT8)

    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_target_that_cannot_be_made_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")

    with pytest.raises(ConversionError, match="cannot be written"):
        convert_model(folder, tmp_path / "file" / "target", Precision.INT8)


def test_a_source_of_another_precision_is_refused(folder: Path, tmp_path: Path) -> None:
    made = convert_model(folder, tmp_path / "made", Precision.INT8)

    with pytest.raises(ModelFolderError, match="is int8 already"):
        convert_model(made, tmp_path / "again", Precision.FP16)
    with pytest.raises(ConversionError, match="fp32 is that of the source"):
        convert_model(folder, tmp_path / "again", Precision.FP32)
    assert not (tmp_path / "again").exists()


def test_an_unknown_precision_of_a_folder_is_refused(folder: Path) -> None:
    restate(folder, precision="int4")

    with pytest.raises(ModelFolderError, match="must be one of fp32, fp16, int8, is 'int4'"):
        load_model_folder(folder)


def test_a_model_without_products_leaves_nothing_behind(folder: Path, tmp_path: Path) -> None:
    def without(model: onnx.ModelProto) -> None:
        """The same product as a convolution of one pixel."""
        weight = next(w for w in model.graph.initializer if w.name == "project")
        values = numpy_helper.to_array(weight).T[:, :, None]
        weight.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values), "project"))
        model.graph.initializer.append(numpy_helper.from_array(np.array([2]), "axis"))
        at = next(n for n, node in enumerate(model.graph.node) if node.op_type == "MatMul")
        del model.graph.node[at]
        model.graph.node.extend(
            [
                helper.make_node("Unsqueeze", ["pooled", "axis"], ["column"]),
                helper.make_node("Conv", ["column", "project"], ["projected"]),
                helper.make_node("Squeeze", ["projected", "axis"], ["image_embeds"]),
            ]
        )

    rebuild(folder, "vision", without)
    with pytest.raises(ModelFolderError, match="multiplies by no weights"):
        convert_model(folder, tmp_path / "made", Precision.INT8)

    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_result_that_is_far_from_its_source_is_refused(folder: Path, tmp_path: Path) -> None:
    """One channel a hundred times larger than the others leaves those no step of 127."""

    def outlier(model: onnx.ModelProto) -> None:
        factors = np.ones(24, np.float32)
        factors[0] = 100
        model.graph.initializer.append(numpy_helper.from_array(factors, "up"))
        node = next(n for n in model.graph.node if n.op_type == "MatMul")
        node.input[0] = "uneven"
        weight = next(w for w in model.graph.initializer if w.name == "project")
        values = numpy_helper.to_array(weight) / factors[:, None]
        weight.CopyFrom(numpy_helper.from_array(values, "project"))
        model.graph.node.insert(
            len(model.graph.node) - 1, helper.make_node("Mul", ["pooled", "up"], ["uneven"])
        )

    rebuild(folder, "vision", outlier)
    with pytest.raises(ConversionError, match=r"vision/model\.onnx in int8 is too far"):
        convert_model(folder, tmp_path / "made", Precision.INT8)

    assert not (tmp_path / "made").exists()


def test_without_onnx_it_says_what_to_install(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delenv("TRIPTYCH_ENCODERS", raising=False)

    code = main(["convert-model", "--precision", "int8", str(folder), str(tmp_path / "made")])

    assert code == 78
    assert "converting needs onnx; install triptych[convert]" in capsys.readouterr().err


def test_the_command_makes_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "made"

    assert main(["convert-model", "--precision", "fp16", "tiny-clip", str(target)]) == 0

    assert capsys.readouterr().out == f"{target}\n"
    assert load_model_folder(target).precision is Precision.FP16


@pytest.mark.parametrize("model", ["no-such-model", "/no/such/folder"])
def test_the_command_refuses_an_unknown_model(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert-model", "--precision", "int8", model, str(tmp_path / "made")]) == 78

    assert model in capsys.readouterr().err
    assert not (tmp_path / "made").exists()
