"""Losses for training, as torch functions; what settles rounds is integer arithmetic in `protocol.rules.scores`.

All take tensors of one shape and return the loss of each element, in the units of the outcome.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

_ROOT_TWO: Final = math.sqrt(2.0)
_ROOT_PI: Final = math.sqrt(math.pi)


def gaussian_crps(outcome: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """CRPS of a normal law; lower is better: s (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi)), z = (outcome - mean) / s.

    deviation: positive.  Source: Gneiting & Raftery (2007), doi:10.1198/016214506000001437, equation 21 (sign turned).
    """
    z = (outcome - mean) / deviation
    density = torch.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    return deviation * (z * torch.erf(z / _ROOT_TWO) + 2.0 * density - 1.0 / _ROOT_PI)


def gaussian_nll(outcome: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """Minus the log density of a normal law: ln s + z**2 / 2 + ln(2 pi) / 2.  deviation: positive."""
    z = (outcome - mean) / deviation
    return torch.log(deviation) + 0.5 * z * z + 0.5 * math.log(2.0 * math.pi)
