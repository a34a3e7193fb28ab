"""Weight-only int8 for an ONNX graph: stored as int8, multiplied out to float32 when run.

Only weights are quantised, symmetrically and per output channel, so that what comes out for one
picture or text does not depend on its neighbours in the batch.
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

# Smaller tensors (biases, norms) stay float32: they weigh nothing and matter more.
_SMALLEST = 2048
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


def quantise_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose large weights are int8 behind ``DequantizeLinear``."""
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
            array = numpy_helper.to_array(tensor)
            if array.size < _SMALLEST or array.ndim < 2:
                continue
            if node.op_type == "MatMul" and (place != 1 or array.ndim != 2):
                continue
            axis = _axis(node)
            values, scale = _quantised(array.astype(np.float32), axis)
            graph.initializer.remove(tensor)
            zero = np.zeros(scale.shape, np.int8)
            for suffix, part in (("_int8", values), ("_scale", scale), ("_zero", zero)):
                graph.initializer.append(numpy_helper.from_array(part, name + suffix))
            front.append(
                onnx.helper.make_node(
                    "DequantizeLinear",
                    [name + "_int8", name + "_scale", name + "_zero"],
                    [name],
                    name=f"dequantise_{name}",
                    axis=axis,
                )
            )
            done.add(name)
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend([*front, *rest])
    onnx.checker.check_model(result)
    return result
