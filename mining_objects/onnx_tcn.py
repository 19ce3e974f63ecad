"""The TCN's networks as one ONNX graph, written from their tensors: nothing is traced, no second file need be trusted.

The operators are those of ONNX's opset 17, whose MatMul multiplies stacks of matrices as torch's baddbmm does.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mining_objects.onnx_lstm import IR_VERSION, OPSET, Tensors
from mining_objects.tcn_inputs import CANDLE, SHOWN

_LATEST: Final = np.iinfo(np.int64).max


def tcn_graph(tensors: Tensors, shares: NDArray[np.float32], *, lookback: int, kernel: int, members: int) -> bytes:
    """Serialised ONNX: `inputs` (batch, lookback, SHOWN) -> `log_scale` (batch, members, anchors).

    tensors: the state of a `TcnNetwork`, by torch's names.  shares: (knots, anchors), how much each knot counts.
    """
    constants: dict[str, NDArray[Any]] = {
        **{name: values for name, values in tensors.items() if "." in name or name.startswith("input_")},
        "shares": shares,
        "none": np.array([0], np.int64),
        "own": np.array([len(CANDLE)], np.int64),
        "all": np.array([_LATEST], np.int64),
        "across": np.array([2], np.int64),
        "along": np.array([1], np.int64),
        "newest": np.array([-1], np.int64),
        "each": np.array([members, 1, 1], np.int64),
    }
    nodes = [
        helper.make_node("Sub", ["inputs", "input_mean"], ["centred"]),
        helper.make_node("Div", ["centred", "input_deviation"], ["normal"]),
        helper.make_node("Slice", ["normal", "none", "own", "across"], ["candles"]),
        helper.make_node("Slice", ["normal", "newest", "all", "along"], ["last_row"]),
        helper.make_node("Slice", ["last_row", "own", "all", "across"], ["last_known"]),
        helper.make_node("Squeeze", ["last_known", "along"], ["known"]),
    ]
    seen, layer = "candles", 0
    while f"convolutions.{layer}.weight" in tensors:
        weight = tensors[f"convolutions.{layer}.weight"]
        constants[f"taken_{layer}"] = np.array([1 if layer == 0 else members, -1, weight.shape[1]], np.int64)
        nodes.append(helper.make_node("Reshape", [seen, f"taken_{layer}"], [f"neighbours_{layer}"]))
        nodes += _layers(f"neighbours_{layer}", f"convolutions.{layer}", f"seen_{layer}", bent=True)
        seen, layer = f"seen_{layer}", layer + 1
    nodes += [
        helper.make_node("Unsqueeze", ["known", "none"], ["known_once"]),
        helper.make_node("Tile", ["known_once", "each"], ["known_each"]),
        helper.make_node("Concat", [seen, "known_each"], ["both"], axis=2),
        *_layers("both", "first", "hidden", bent=True),
        *_layers("hidden", "second", "deeper", bent=True),
        *_layers("deeper", "last", "knots", bent=False),
        helper.make_node("MatMul", ["knots", "shares"], ["bend"]),
        helper.make_node("Gemm", ["known", "start.weight", "start.bias"], ["straight"], transB=1),
        helper.make_node("Add", ["bend", "straight"], ["told"]),
        helper.make_node("Transpose", ["told"], ["log_scale"], perm=[1, 0, 2]),
    ]
    graph = helper.make_graph(
        nodes,
        "tcn",
        [helper.make_tensor_value_info("inputs", TensorProto.FLOAT, ["batch", lookback, SHOWN])],
        [helper.make_tensor_value_info("log_scale", TensorProto.FLOAT, ["batch", members, shares.shape[1]])],
        [numpy_helper.from_array(np.array(values, order="C"), name) for name, values in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    return bytes(model.SerializeToString())


def _layers(source: str, name: str, target: str, *, bent: bool) -> list[Any]:
    """One linear layer of each member, and SiLU behind it where it is bent: x / (1 + e**-x)."""
    straight = f"{name}.straight" if bent else target
    nodes = [
        helper.make_node("MatMul", [source, f"{name}.weight"], [f"{name}.product"]),
        helper.make_node("Add", [f"{name}.product", f"{name}.bias"], [straight]),
    ]
    if bent:
        nodes += [
            helper.make_node("Sigmoid", [straight], [f"{name}.gate"]),
            helper.make_node("Mul", [straight, f"{name}.gate"], [target]),
        ]
    return nodes
