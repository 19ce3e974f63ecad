"""The LSTM network as an ONNX graph, written from its tensors: nothing is traced and no second file need be trusted.

The operators are those of ONNX's opset 17. ONNX keeps an LSTM's gates in the order input, output, forget, cell; torch
in the order input, forget, cell, output. Source: https://onnx.ai/onnx/operators/onnx__LSTM.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET: Final = 17
IR_VERSION: Final = 8
_GATES: Final = (0, 3, 1, 2)
"""Where torch keeps the gates that ONNX wants first, second, third and fourth."""

Tensors = Mapping[str, NDArray[np.float32]]


def lstm_graph(tensors: Tensors, *, layers: int, largest_log_scale: float) -> bytes:
    """Serialised ONNX: `inputs` (batch, lookback, features) -> `mean` and `log_scale`, each (batch, anchors).

    tensors: the state of an `LstmNetwork`, by torch's names.
    """
    features, anchors = len(tensors["feature_mean"]), len(tensors["mean_head.bias"])
    hidden = tensors["lstm.weight_hh_l0"].shape[1]
    constants: dict[str, NDArray[Any]] = {
        "feature_mean": tensors["feature_mean"],
        "feature_deviation": tensors["feature_deviation"],
        "largest": np.array(largest_log_scale, np.float32),
        "first_axis": np.array([0], np.int64),
        "second_axis": np.array([1], np.int64),
        "last": np.array(-1, np.int64),
    }
    for head in ("scale_head.0", "scale_head.2", "mean_head"):
        constants |= {f"{head}.weight": tensors[f"{head}.weight"], f"{head}.bias": tensors[f"{head}.bias"]}
    nodes = [
        helper.make_node("Sub", ["inputs", "feature_mean"], ["centred"]),
        helper.make_node("Div", ["centred", "feature_deviation"], ["normal"]),
        helper.make_node("Transpose", ["normal"], ["seen_0"], perm=[1, 0, 2]),
    ]
    for layer in range(layers):
        constants |= _layer(tensors, layer)
        parts = [f"seen_{layer}", f"W_{layer}", f"R_{layer}", f"B_{layer}"]
        nodes += [
            helper.make_node("LSTM", parts, [f"all_{layer}", f"end_{layer}"], hidden_size=hidden),
            helper.make_node("Squeeze", [f"all_{layer}", "second_axis"], [f"seen_{layer + 1}"]),
        ]
    nodes += [
        helper.make_node("Squeeze", [f"end_{layers - 1}", "first_axis"], ["state"]),
        helper.make_node("Gather", ["normal", "last"], ["newest"], axis=1),
        helper.make_node("Concat", ["state", "newest"], ["both"], axis=1),
        _linear("both", "scale_head.0", "bent"),
        helper.make_node("Tanh", ["bent"], ["hidden"]),
        _linear("hidden", "scale_head.2", "raw"),
        helper.make_node("Div", ["raw", "largest"], ["share"]),
        helper.make_node("Tanh", ["share"], ["within"]),
        helper.make_node("Mul", ["within", "largest"], ["log_scale"]),
        _linear("state", "mean_head", "mean"),
    ]
    graph = helper.make_graph(
        nodes,
        "lstm",
        [helper.make_tensor_value_info("inputs", TensorProto.FLOAT, ["batch", "lookback", features])],
        [helper.make_tensor_value_info(out, TensorProto.FLOAT, ["batch", anchors]) for out in ("mean", "log_scale")],
        [numpy_helper.from_array(np.array(values, order="C"), name) for name, values in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    return bytes(model.SerializeToString())


def _linear(source: str, head: str, target: str) -> Any:
    """torch keeps a linear layer's weight as (out, in)."""
    return helper.make_node("Gemm", [source, f"{head}.weight", f"{head}.bias"], [target], transB=1)


def _layer(tensors: Tensors, layer: int) -> dict[str, NDArray[np.float32]]:
    """One layer's weights as ONNX wants them: (directions, 4 x hidden, ...), gates in its own order."""
    gates = {
        name: np.concatenate([np.split(tensors[f"lstm.{name}_l{layer}"], 4)[gate] for gate in _GATES])
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    }
    return {
        f"W_{layer}": gates["weight_ih"][None],
        f"R_{layer}": gates["weight_hh"][None],
        f"B_{layer}": np.concatenate([gates["bias_ih"], gates["bias_hh"]])[None],
    }
