"""Losses for training, as torch functions; what settles rounds is integer arithmetic in `protocol.rules.scores`.

A law's loss takes tensors of one shape and returns the loss of each element, in the units of the outcome. `point_loss`
and `ensemble_loss` are the rules' own, differentiable: a test holds them to the integers.
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


def ensemble_crps(outcome: Tensor, members: Tensor) -> Tensor:
    """CRPS of the members' own law at each step, as the rules count it: mean |x_i - y| - sum_{i<j} |x_i - x_j| / m**2.

    outcome: (..., steps).  members: (..., m, steps), m >= 1, paths in any order.  Returns (..., steps), the same units.
    With members sorted, i = 0..m-1, the double sum is sum (2i - m + 1) x_(i).  For m = 1 it is the absolute error.
    Source: Gneiting & Raftery (2007), doi:10.1198/016214506000001437; protocol.rules.scores.crps_numerators.
    """
    m = members.shape[-2]
    ordered, _ = torch.sort(members, dim=-2)
    ranks = torch.arange(1 - m, m, 2, dtype=members.dtype, device=members.device)
    return (ordered - outcome.unsqueeze(-2)).abs().mean(dim=-2) - (ranks @ ordered) / m**2


def ensemble_loss(outcome: Tensor, members: Tensor, sigma: Tensor) -> Tensor:
    """A round's loss in `closes.paths`: the mean over scored steps k of CRPS_k / (sigma * sqrt(k)); 1.0 is NANO there.

    outcome: (..., steps), log-returns from the anchor over steps 1, 2, ...; NaN where the close is missing.
    members: (..., m, steps).  sigma: (...), the round's, positive.  Returns (...), NaN where no step is scored.
    """
    scored = ~torch.isnan(outcome)
    crps = ensemble_crps(torch.where(scored, outcome, torch.zeros_like(outcome)), members)
    k = torch.arange(1, outcome.shape[-1] + 1, dtype=outcome.dtype, device=outcome.device)
    scaled = torch.where(scored, crps / (sigma.unsqueeze(-1) * k.sqrt()), torch.zeros_like(crps))
    return scaled.sum(dim=-1) / scored.sum(dim=-1)


def point_loss(outcome: Tensor, path: Tensor, sigma: Tensor) -> Tensor:
    """A round's loss in `closes.point`: the mean over scored steps k of |error_k| / (sigma * sqrt(k)).

    path: (..., steps); the others as in ensemble_loss, of which this is the case of one member.
    """
    return ensemble_loss(outcome, path.unsqueeze(-2), sigma)
