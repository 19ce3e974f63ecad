"""Losses of training against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mining_objects.losses import gaussian_crps, gaussian_nll  # noqa: E402


def test_torch_crps_is_the_integral_of_its_definition():
    grid = np.linspace(-12, 12, 240_001)
    for outcome, mean, deviation in ((0.3, 0.0, 1.0), (-1.7, 0.4, 0.6)):
        law = 0.5 * (1 + np.array([math.erf(v) for v in ((grid[::24] - mean) / deviation / 2**0.5)]))
        integral = np.trapezoid((law - (grid[::24] >= outcome)) ** 2, grid[::24])
        got = gaussian_crps(*(torch.tensor(v, dtype=torch.float64) for v in (outcome, mean, deviation)))

        np.testing.assert_allclose(integral, got.item(), atol=2e-3)


def test_torch_nll_is_minus_the_log_density():
    want = -math.log(math.exp(-0.5 * ((0.3 - 0.1) / 2) ** 2) / (2 * math.sqrt(2 * math.pi)))

    np.testing.assert_allclose(want, gaussian_nll(*(torch.tensor(v) for v in (0.3, 0.1, 2.0))).item(), rtol=1e-6)
