"""An fp32 graph becomes one that multiplies by its weights in int8.

Every product of activations with constant weights becomes: each row of the activations divided by
its own scale (its largest magnitude / 127) and rounded, an exact integer product with weights that
are int8 per output channel, and both scales multiplied back. Everything else stays in fp32: norms,
softmax, the products of attention, convolutions.

A row is one token or one pooled vector, so nothing depends on the other inputs of a batch, nor on
how far a text is padded. ``onnxruntime.quantization.quantize_dynamic`` takes one scale for the
whole batch instead, which moves embeddings with their neighbours and rounds coarser.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

_CONTRIB = "com.microsoft"
_LARGEST = 127
# On x86 processors without VNNI onnxruntime adds two neighbouring products in 16 bits, and an
# activation goes up to 255: two weights that add up to at most 128 can't overflow them.
_LARGEST_PAIR = 127.5
# A row of zeros needs a scale, too.
_SMALLEST_MAGNITUDE = 1e-30


class _Rewriting:
    """The nodes and weights of the new graph, as they come up."""

    def __init__(self, graph: onnx.GraphProto, opset: int) -> None:
        self._weights = {
            tensor.name: tensor
            for tensor in graph.initializer
            if tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) == 2
        }
        self._taken = {name for node in graph.node for name in (*node.input, *node.output)}
        self._rows: dict[str, tuple[str, str]] = {}
        self._packed: dict[tuple[str, bool], tuple[str, str]] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.products = 0
        self._one = self._constant("one", np.array(1, np.float32))
        self._middle = self._constant("middle", np.array(128, np.uint8))
        self._zero = self._constant("zero", np.array(0, np.int8))
        self._step = self._constant("step", np.array(1 / _LARGEST, np.float32))
        self._smallest = self._constant("smallest", np.array(_SMALLEST_MAGNITUDE, np.float32))
        self._last = self._constant("last", np.array([-1], np.int64)) if opset >= 18 else ""

    def add(self, node: onnx.NodeProto) -> None:
        """``node`` itself, or what stands for it."""
        if node.op_type == "MatMul" and node.input[1] in self._weights:
            self._product(node.input[0], node.input[1], False, node.output[0])
        elif node.op_type == "Gemm" and node.input[1] in self._weights and _is_plain(node):
            transposed = any(a.name == "transB" and a.i == 1 for a in node.attribute)
            if len(node.input) < 3 or not node.input[2]:
                self._product(node.input[0], node.input[1], transposed, node.output[0])
                return
            raw = self._name(f"{node.output[0]}_product")
            self._product(node.input[0], node.input[1], transposed, raw)
            self.nodes.append(helper.make_node("Add", [raw, node.input[2]], [node.output[0]]))
        else:
            self.nodes.append(node)

    def _product(self, left: str, weight: str, transposed: bool, output: str) -> None:
        rows, scales = self._quantised_rows(left)
        columns, column_scales = self._quantised_weight(weight, transposed)
        scaled = self._op(
            "MatMulIntegerToFloat",
            [rows, columns, self._one, column_scales, self._middle, self._zero],
            f"{output}_columns",
            domain=_CONTRIB,
        )
        self.nodes.append(helper.make_node("Mul", [scaled, scales], [output], name=output))
        self.products += 1

    def _quantised_rows(self, name: str) -> tuple[str, str]:
        """The activations as uint8 around 128, and each row's scale; made once of each tensor."""
        if name not in self._rows:
            magnitudes = self._op("Abs", [name], f"{name}_magnitude")
            largest = self._largest_of_rows(magnitudes, f"{name}_largest")
            largest = self._op("Max", [largest, self._smallest], f"{name}_bounded")
            scale = self._op("Mul", [largest, self._step], f"{name}_scale")
            quotient = self._op("Div", [name, scale], f"{name}_quotient")
            rounded = self._op(
                "QuantizeLinear", [quotient, self._one, self._middle], f"{name}_rounded"
            )
            self._rows[name] = rounded, scale
        return self._rows[name]

    def _largest_of_rows(self, magnitudes: str, output: str) -> str:
        # The axes were an attribute until opset 18.
        if self._last:
            return self._op("ReduceMax", [magnitudes, self._last], output, keepdims=1)
        return self._op("ReduceMax", [magnitudes], output, axes=[-1], keepdims=1)

    def _quantised_weight(self, name: str, transposed: bool) -> tuple[str, str]:
        if (name, transposed) not in self._packed:
            weight = numpy_helper.to_array(self._weights[name])
            values, scales = quantised_columns(weight.T if transposed else weight)
            self._packed[name, transposed] = (
                self._constant(f"{name}_int8", values),
                self._constant(f"{name}_scales", scales),
            )
        return self._packed[name, transposed]

    def _op(
        self, kind: str, inputs: list[str], output: str, domain: str = "", **attributes: Any
    ) -> str:
        name = self._name(output)
        self.nodes.append(
            helper.make_node(kind, inputs, [name], name=name, domain=domain, **attributes)
        )
        return name

    def _constant(self, name: str, value: NDArray[np.generic]) -> str:
        name = self._name(name)
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def _name(self, wish: str) -> str:
        while wish in self._taken:
            wish += "_"
        self._taken.add(wish)
        return wish


def to_int8(model: onnx.ModelProto) -> int:
    """Rewrite ``model``, of opset 10 or newer, in place; how many products are in int8 now."""
    graph = model.graph
    opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    rewriting = _Rewriting(graph, opset)
    for node in graph.node:
        rewriting.add(node)
    if not rewriting.products:
        return 0
    needed = {name for node in rewriting.nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in needed]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(rewriting.nodes)
    graph.initializer.extend([*kept, *rewriting.constants])
    if all(opset.domain != _CONTRIB for opset in model.opset_import):
        model.opset_import.append(helper.make_opsetid(_CONTRIB, 1))
    return rewriting.products


def quantised_columns(
    weight: NDArray[np.float32],
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Weights of shape (in, out) as int8, symmetric, and the scale of each output channel."""
    scales = np.abs(weight).max(axis=0) / _LARGEST
    for sign in (weight, -weight):
        one_side = np.maximum(sign, 0)
        pairs = (one_side[1:] + one_side[:-1]).max(axis=0, initial=0)
        scales = np.maximum(scales, pairs / _LARGEST_PAIR)
    scales = np.where(scales == 0, 1, scales).astype(np.float32)
    values = np.clip(np.round(weight / scales), -_LARGEST, _LARGEST)
    return values.astype(np.int8), scales


def _is_plain(gemm: onnx.NodeProto) -> bool:
    """Whether it is a matrix product and an addition, with nothing scaled or turned but B."""
    given = {a.name: (a.f if a.type == onnx.AttributeProto.FLOAT else a.i) for a in gemm.attribute}
    return given.get("alpha", 1) == given.get("beta", 1) == 1 and not given.get("transA", 0)
