"""What a machine can do for training: devices, half precision, compilation. What it cannot do is refused."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mining_objects.devices import pick_device
from mining_objects.trainable import ModelFamily
from mining_objects.training_settings import BFLOAT16, FLOAT32, TrainingSettings
from protocol.errors import InvalidSetting


def check_settings(settings: TrainingSettings, family: ModelFamily[Any], world: int) -> torch.device:
    """The device of this process. Raises InvalidSetting (setting: the field) for what is out of range or not here.

    world: the processes that train together.
    """
    settings.check()
    if settings.batch < world:
        raise InvalidSetting(f"batch must be at least the {world} devices, was {settings.batch}", setting="batch")
    device = pick_device(settings.device)
    if settings.precision == BFLOAT16 and not has_bfloat16(device):
        raise InvalidSetting(
            f"this {device.type} has no bfloat16 arithmetic (AVX512-BF16, AMX, or CUDA from 8.0 on); "
            f"it would be slower than {FLOAT32}",
            setting="precision",
        )
    if settings.compile and not family.compiles:
        raise InvalidSetting(
            f"torch.compile cannot take a {family.name} network whole: leave compile off", setting="compile"
        )
    return device


def has_bfloat16(device: torch.device) -> bool:
    """Whether the processor multiplies bfloat16 itself."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return False


def seed_chance(device: torch.device, seed: int) -> None:
    """Seeds what draws on this device. torch.manual_seed does so for every kind of device, at thirty times the cost."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


def compiled(network: nn.Module, settings: TrainingSettings, inputs: Tensor) -> nn.Module:
    """The network, compiled whole where the settings say so, and tried forwards and backwards on these inputs.

    Raises InvalidSetting when torch.compile cannot, for what the network does or for want of a C++ compiler.
    """
    if not settings.compile:
        return network
    from torch._dynamo.exc import TorchDynamoException  # a second's import, for those who ask for it
    from torch._inductor.exc import InductorError

    whole: nn.Module = torch.compile(network, fullgraph=True)  # type: ignore[assignment]
    try:
        answer = whole(inputs)
        parts = (answer,) if isinstance(answer, Tensor) else answer
        torch.stack([part.sum() for part in parts]).sum().backward()  # type: ignore[no-untyped-call]
    except (TorchDynamoException, InductorError) as refused:
        reason = str(refused).strip().splitlines()[0]
        raise InvalidSetting(
            f"torch.compile cannot take this network: {reason}", setting="training.compile"
        ) from refused
    network.zero_grad(set_to_none=True)
    return whole


class Cast(nn.Module):
    """Calls a network in the settings' precision and gives what it answers as float32."""

    def __init__(self, network: nn.Module, device: torch.device, settings: TrainingSettings) -> None:
        super().__init__()
        self._network = network
        self._kind = device.type
        self._halves = settings.precision == BFLOAT16

    def forward(self, inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        with torch.autocast(self._kind, dtype=torch.bfloat16, enabled=self._halves):
            answer = self._network(inputs)
        if isinstance(answer, Tensor):
            return answer.float()
        return tuple(part.float() for part in answer)
