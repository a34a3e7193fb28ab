"""Loading a dual encoder: what it says of itself, and what it refuses to start with."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from tests.support.random_model import make_random_model, rebuild, restate
from triptych_server.encode.clip import ClipEncoder, load_encoder
from triptych_server.encode.errors import DeviceError, ModelFolderError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_random_model(tmp_path / "model")


def load(folder: Path, *, device: str = "cpu") -> ClipEncoder:
    return load_encoder(
        "any",
        folder,
        device=device,
        threads=1,
        max_image_batch=8,
        max_text_batch=32,
        max_queue=64,
    )


def rename(old: str, new: str) -> Callable[[onnx.ModelProto], None]:
    """Give an input or output another name."""

    def change(model: onnx.ModelProto) -> None:
        for value in (*model.graph.input, *model.graph.output):
            if value.name == old:
                value.name = new
        for node in model.graph.node:
            node.input[:] = [new if name == old else name for name in node.input]
            node.output[:] = [new if name == old else name for name in node.output]

    return change


def refusal(folder: Path) -> str:
    with pytest.raises(ModelFolderError) as caught:
        load(folder)
    assert str(folder) in str(caught.value)
    return str(caught.value)


async def test_an_encoder_says_what_it_is(folder: Path) -> None:
    encoder = load(folder)

    info = encoder.info
    await encoder.close()

    assert (info.id, info.name, info.revision, info.licence) == (
        "any",
        "random",
        "seed-0",
        "CC0-1.0",
    )
    assert (info.dimension, info.context_length, info.special_tokens) == (48, 12, 2)
    assert info.image_size == (40, 40)
    assert info.provider == "CPUExecutionProvider"
    for stamp in (info.image_stamp, info.text_stamp):
        assert (stamp.model, stamp.revision) == ("random", "seed-0")
        assert len(stamp.preprocessing) == 12
    assert info.image_stamp != info.text_stamp


def test_an_unknown_device_is_refused(folder: Path) -> None:
    with pytest.raises(DeviceError, match="tpu"):
        load(folder, device="tpu")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"dimension": 47}, "image_embeds has shape (any, 48), model.json asks for (any, 47)"),
        ({"image_size": 41}, "(any, 3, 40, 40), model.json asks for (any, 3, 41, 41)"),
        ({"context_length": 13}, "text/model.onnx fails on a first input"),
        ({"context_length": 2}, "leaves no room"),
    ],
)
def test_a_false_statement_is_refused(folder: Path, change: dict[str, object], told: str) -> None:
    restate(folder, **change)

    assert told in refusal(folder)


def test_a_crop_of_another_size_is_refused(folder: Path) -> None:
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "crop_size": 32}))
    restate(folder)

    assert "crops to (32, 32)" in refusal(folder)


def test_an_output_of_unknown_width_is_held_to_the_statement(folder: Path) -> None:
    def obscure(model: onnx.ModelProto) -> None:
        """Take as many columns as the mask has ones: the width is known when it runs."""
        output = model.graph.output[0]
        output.type.tensor_type.shape.dim[1].dim_param = "width"
        rename("image_embeds", "whole")(model)
        output.name = "image_embeds"
        model.graph.initializer.append(numpy_helper.from_array(np.ones(48, np.bool_), "mask"))
        model.graph.node.append(
            onnx.helper.make_node("Compress", ["whole", "mask"], ["image_embeds"], axis=1)
        )

    rebuild(folder, "vision", obscure)
    load(folder)
    restate(folder, dimension=47)

    assert "vision/model.onnx gives an output of shape (2, 48)" in refusal(folder)


def test_a_batch_of_fixed_size_is_refused(folder: Path) -> None:
    def fix(model: onnx.ModelProto) -> None:
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1

    rebuild(folder, "vision", fix)

    assert "has shape (1, " in refusal(folder)


async def test_a_single_input_and_output_may_have_any_name(folder: Path) -> None:
    rebuild(folder, "vision", rename("pixel_values", "x"))
    rebuild(folder, "vision", rename("image_embeds", "y"))

    await load(folder).close()


def test_an_unknown_input_is_refused(folder: Path) -> None:
    rebuild(folder, "text", rename("attention_mask", "token_type_ids"))

    assert "wants the inputs input_ids, token_type_ids" in refusal(folder)


def test_numbers_that_are_no_embedding_are_refused(folder: Path) -> None:
    def poison(model: onnx.ModelProto) -> None:
        for weight in model.graph.initializer:
            if weight.name == "project":
                values = numpy_helper.to_array(weight)
                weight.CopyFrom(numpy_helper.from_array(np.full_like(values, np.nan), "project"))

    rebuild(folder, "vision", poison)

    assert "no embedding" in refusal(folder)


@pytest.mark.parametrize("half", ["vision", "text"])
@pytest.mark.filterwarnings("ignore")
def test_a_dynamically_quantised_model_is_refused(folder: Path, half: str) -> None:
    """Its scales come from the whole batch, so an embedding would depend on its neighbours."""
    path = folder / half / "model.onnx"
    quantize_dynamic(path, path, weight_type=QuantType.QUInt8)
    restate(folder)

    assert f"{half}/model.onnx gives an input another embedding" in refusal(folder)


def test_a_text_model_that_reads_the_padding_is_refused(folder: Path) -> None:
    def unmask(model: onnx.ModelProto) -> None:
        del model.graph.input[1]
        for node in model.graph.node:
            if node.op_type == "Cast":
                node.CopyFrom(onnx.helper.make_node("Cast", ["all_ones"], ["mask"], to=1))
        ones = onnx.helper.make_node(
            "ConstantOfShape",
            ["shape"],
            ["all_ones"],
            value=numpy_helper.from_array(np.array([1], np.int64)),
        )
        model.graph.node.insert(2, ones)

    rebuild(folder, "text", unmask)

    assert "text/model.onnx gives an input another embedding" in refusal(folder)
