"""Small weights for an ONNX graph: large ones int8, middling ones float16, float32 when run.

Only weights are made smaller, the int8 ones symmetrically and per output channel, so that what
comes out for one picture or text does not depend on its neighbours in the batch.

The middling ones are the first convolutions and the last projections. They hold a tenth of the
weights, and as int8 they would make two thirds of the whole error.
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

# Smaller tensors (biases, norms) stay float32: they weigh nothing and matter more.
_SMALLEST = 2048
_SMALLEST_INT8 = 50_000
# Which axis of the weight input holds the output channels (for Gather: one row a token).
_CHANNEL_AXIS = {"Conv": 0, "Gather": 0, "MatMul": 1}


def _axis(node: onnx.NodeProto) -> int:
    if node.op_type == "Gemm":
        transposed = any(a.name == "transB" and a.i == 1 for a in node.attribute)
        return 0 if transposed else 1
    return _CHANNEL_AXIS[node.op_type]


def _quantised(
    weight: NDArray[np.float32], axis: int
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    others = tuple(a for a in range(weight.ndim) if a != axis)
    scale = np.abs(weight).max(axis=others) / 127
    scale = np.where(scale == 0, 1, scale).astype(np.float32)
    shape = [1] * weight.ndim
    shape[axis] = -1
    values = np.clip(np.round(weight / scale.reshape(shape)), -127, 127).astype(np.int8)
    return values, scale


def _int8(
    name: str, weight: NDArray[np.float32], axis: int
) -> tuple[list[onnx.TensorProto], onnx.NodeProto]:
    """The tensors that stand for ``weight``, and the node that gives it back under its name."""
    values, scale = _quantised(weight, axis)
    parts = (("_int8", values), ("_scale", scale), ("_zero", np.zeros(scale.shape, np.int8)))
    node = onnx.helper.make_node(
        "DequantizeLinear",
        [name + suffix for suffix, _ in parts],
        [name],
        name=f"dequantise_{name}",
        axis=axis,
    )
    return [numpy_helper.from_array(part, name + suffix) for suffix, part in parts], node


def _float16(
    name: str, weight: NDArray[np.float32]
) -> tuple[list[onnx.TensorProto], onnx.NodeProto]:
    """The tensor that stands for ``weight``, and the node that gives it back under its name."""
    node = onnx.helper.make_node(
        "Cast", [name + "_float16"], [name], name=f"widen_{name}", to=onnx.TensorProto.FLOAT
    )
    return [numpy_helper.from_array(weight.astype(np.float16), name + "_float16")], node


def quantise_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose weights are stored small and widened to float32 by nodes in front."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    front: list[onnx.NodeProto] = []
    done: set[str] = set()
    for node in graph.node:
        if node.op_type not in (*_CHANNEL_AXIS, "Gemm"):
            continue
        for place, name in enumerate(node.input):
            tensor = weights.get(name)
            if tensor is None or name in done or tensor.data_type != onnx.TensorProto.FLOAT:
                continue
            array = numpy_helper.to_array(tensor).astype(np.float32)
            if array.size < _SMALLEST or array.ndim < 2:
                continue
            if node.op_type == "MatMul" and (place != 1 or array.ndim != 2):
                continue
            if array.size < _SMALLEST_INT8:
                parts, widening = _float16(name, array)
            else:
                parts, widening = _int8(name, array, _axis(node))
            graph.initializer.remove(tensor)
            graph.initializer.extend(parts)
            front.append(widening)
            done.add(name)
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend([*front, *rest])
    onnx.checker.check_model(result)
    return result
