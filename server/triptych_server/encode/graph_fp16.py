"""An fp32 graph becomes one that computes in float16, with float32 inputs and outputs.

``onnxruntime.transformers.float16`` rewrites it. What overflows float16 stays in float32: the graph
is run once with all that it computes on the way as outputs, and a node whose numbers come near the
largest float16 is left as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

Feeds = Mapping[str, NDArray[Any]]

# A quarter of the largest float16: other inputs go further than those that were tried.
_NEAR_OVERFLOW = 65504 / 4
# What masks add to attention scores, -1e9 or the lowest float32, is meant to be out of reach; as
# the lowest float16 it still is.
_MASK = 1e8


def to_fp16(model: onnx.ModelProto, samples: Sequence[Feeds]) -> onnx.ModelProto:
    """``model`` in float16; ``samples`` are inputs that show where its numbers are too large."""
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    for number, node in enumerate(model.graph.node):
        node.name = node.name or f"node_{number}"
    large = _large(model, samples)
    blocked = [
        node.name
        for node in model.graph.node
        if any(name in large for name in (*node.input, *node.output))
    ]
    converted: onnx.ModelProto = convert_float_to_float16(
        model, keep_io_types=True, node_block_list=blocked
    )
    _join_float32(converted.graph)
    # The casts that it adds stand at the end.
    OnnxModel(converted).topological_sort()
    return converted


def _join_float32(graph: onnx.GraphProto) -> None:
    """Let neighbours that are both in float32 pass their numbers on in float32.

    The rewriting puts a cast to float16 behind and one to float32 before each of them (the same one
    once for every reader): in between, the numbers would overflow after all.
    """
    casts = [node for node in graph.node if node.op_type == "Cast"]
    narrowed = {
        c.output[0]: c.input[0] for c in casts if c.name == f"{c.output[0]}_cast_to_fp16_node"
    }
    widened = {
        c.output[0]: c.input[0] for c in casts if c.name == f"{c.input[0]}_cast_to_fp32_node"
    }
    direct = {wide: narrowed[half] for wide, half in widened.items() if half in narrowed}
    nodes: dict[str, onnx.NodeProto] = {}
    for node in graph.node:
        node.input[:] = [direct.get(name, name) for name in node.input]
        if node.output[0] not in direct:
            nodes.setdefault(node.output[0], node)
    read = {name for node in nodes.values() for name in node.input}
    read |= {output.name for output in graph.output}
    kept = [node for node in nodes.values() if any(name in read for name in node.output)]
    del graph.node[:]
    graph.node.extend(kept)


def _large(model: onnx.ModelProto, samples: Sequence[Feeds]) -> set[str]:
    """The names of the tensors that come near the largest float16 on any of the samples."""
    import onnxruntime

    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    known = {output.name for output in watched.graph.output}
    names = [n for node in watched.graph.node for n in node.output if n and n not in known]
    watched.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        watched.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    outputs = [output.name for output in session.get_outputs() if "float" in output.type]
    found: set[str] = set()
    for feeds in samples:
        for name, values in zip(outputs, session.run(outputs, dict(feeds)), strict=True):
            magnitudes = np.abs(values)
            within = magnitudes[magnitudes < _MASK]
            if within.size and within.max() > _NEAR_OVERFLOW:
                found.add(name)
    return found
