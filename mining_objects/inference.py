"""What computes a network's answer once it has learnt: torch, or onnxruntime, which gives one window's sooner.

Whoever has the engine knows which it is: `auto` takes onnxruntime on the CPU where it is installed and torch elsewhere,
and a node's log says what that came to.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, ClassVar, Final, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mining_objects.errors import MissingPackage
from protocol.errors import InvalidSetting

Inference = Literal["auto", "torch", "onnx"]
Arrays = tuple[NDArray[np.float32], ...]
_PACKAGES: Final = ("onnxruntime", "onnx")


class Engine(Protocol):
    """A network that only answers."""

    @property
    def name(self) -> str: ...

    def run(self, inputs: NDArray[np.float32]) -> Arrays:
        """What the network gives for a batch; the first axis of everything counts the batch."""
        ...


class TorchEngine:
    """The torch module itself, on its device.

    On an NVIDIA card, recurrent layers of this process compute in whole float32 from then on: TensorFloat-32, which
    torch allows them, keeps three digits and would answer otherwise than the CPU.
    """

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        if device.type == "cuda":
            torch.backends.cudnn.allow_tf32 = False
        self._network, self._device = network.to(device).eval(), device
        self.name = f"torch on {device.type}"

    def run(self, inputs: NDArray[np.float32]) -> Arrays:
        with torch.inference_mode():
            outputs = self._network(torch.from_numpy(inputs).to(self._device))
        parts = (outputs,) if isinstance(outputs, torch.Tensor) else outputs
        return tuple(part.cpu().numpy() for part in parts)


class OnnxEngine:
    """An ONNX graph of one input, on one thread of the CPU."""

    name: ClassVar[str] = "onnxruntime on cpu"

    def __init__(self, graph: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session: Any = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._input: str = self._session.get_inputs()[0].name

    def run(self, inputs: NDArray[np.float32]) -> Arrays:
        return tuple(self._session.run(None, {self._input: inputs}))


def engine_of(network: nn.Module, device: torch.device, inference: str, graph: Callable[[], bytes]) -> Engine:
    """What computes this network here. graph: writes it as ONNX, where wanted.  Raises what `runs_on_onnx` does."""
    engine: Engine = TorchEngine(network, device)
    return OnnxEngine(graph()) if runs_on_onnx(inference, device) else engine


def runs_on_onnx(asked: str, device: torch.device) -> bool:
    """Whether a network that can be an ONNX graph is to be one.

    Raises InvalidSetting for `onnx` on another device than the CPU, MissingPackage where it is asked for and not there.
    """
    missing = [package for package in _PACKAGES if find_spec(package) is None]
    if asked == "auto":
        return device.type == "cpu" and not missing
    if asked == "torch":
        return False
    if device.type != "cpu":
        raise InvalidSetting(
            f"inference = onnx is for the CPU: say device = cpu, not {device.type}", setting="inference"
        )
    if missing:
        raise MissingPackage(
            f"inference = onnx needs {missing[0]}, which is not installed: pip install 'augury[miner]'",
            package=missing[0],
        )
    return True
