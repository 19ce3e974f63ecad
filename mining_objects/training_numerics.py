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
        told = torch.cpu.get_capabilities()
        return bool(told.get("avx512_bf16") or told.get("amx_bf16") or told.get("arm_bf16"))
    return False


def seed_chance(device: torch.device, seed: int) -> None:
    """Seeds what draws on this device; torch.manual_seed, for every kind of device there is, costs thirty times that."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


def compiled(network: nn.Module, settings: TrainingSettings) -> nn.Module:
    """The network, compiled without a graph break where the settings say so."""
    if not settings.compile:
        return network
    whole: nn.Module = torch.compile(network, fullgraph=True)  # type: ignore[assignment]
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
