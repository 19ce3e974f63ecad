"""Losses of training against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from mining_objects.losses import ensemble_crps, ensemble_loss, gaussian_crps, gaussian_nll, point_loss  # noqa: E402
from protocol.rules.scores import crps_numerators, ensemble_losses  # noqa: E402
from protocol.units import NANO, PICO, Pico  # noqa: E402

TWO_NANO = 2
"""The integers are rounded once to a nano; torch in float64 adds less than another."""
SCALES = 1e-8
"""The rules round sigma * sqrt(k) to a pico: 5e-9 of the smallest sigma drawn here."""


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


def _told(nano) -> torch.Tensor:
    """Nano as float64 log-returns, None as NaN."""
    return torch.tensor([math.nan if value is None else value / NANO for value in nano], dtype=torch.float64)


def _loss_nano(answer, truth, sigma: int) -> float:
    members = torch.from_numpy(answer.astype(np.float64) / NANO)
    return float(ensemble_loss(_told(truth), members, torch.tensor(sigma / PICO, dtype=torch.float64))) * NANO


RETURNS = st.integers(-2 * NANO, 2 * NANO)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), m=st.sampled_from([1, 2, 3, 64]), steps=st.integers(1, 6), sigma=st.integers(10**8, PICO))
def test_the_ensemble_loss_is_that_of_the_rules(data, m, steps, sigma):
    rows = st.lists(RETURNS, min_size=steps, max_size=steps)
    answer = np.array([data.draw(st.lists(rows, min_size=m, max_size=m))], dtype=np.int64)
    truth = data.draw(st.lists(st.one_of(RETURNS, st.none()), min_size=steps, max_size=steps).filter(any))
    [want] = ensemble_losses(answer, truth, Pico(sigma))

    np.testing.assert_allclose(_loss_nano(answer[0], truth, sigma), want, rtol=SCALES, atol=TWO_NANO)


@pytest.mark.parametrize("m", [1, 256, 1000])
def test_the_ensemble_loss_is_that_of_the_rules_on_walks(m):
    chance = np.random.default_rng(m)
    answer = np.rint(1e6 * np.cumsum(chance.standard_t(3, (1, m, 100)), axis=2)).astype(np.int64)
    truth = [None if k % 7 == 3 else int(v) for k, v in enumerate(np.rint(1e6 * chance.standard_normal(100).cumsum()))]
    [want] = ensemble_losses(answer, truth, Pico(PICO // 1_000))

    np.testing.assert_allclose(_loss_nano(answer[0], truth, PICO // 1_000), want, rtol=1e-12, atol=TWO_NANO)


@pytest.mark.parametrize(
    ("members", "truth"),
    [
        ([[5], [5], [5]], [5]),
        ([[0], [0]], [-2 * NANO]),
        ([[-2 * NANO], [2 * NANO]], [0]),
        ([[1], [1], [2], [2]], [1]),
    ],
)
def test_ties_and_extremes_count_as_in_the_rules(members, truth):
    answer = np.array([members], dtype=np.int64)
    got = ensemble_crps(_told(truth), torch.from_numpy(answer[0] / NANO)) * NANO * len(members) ** 2

    np.testing.assert_allclose(crps_numerators(answer, truth)[0], got.numpy(), rtol=1e-9, atol=1e-3)


def test_the_point_loss_is_that_of_the_rules_and_float32_is_near():
    chance = np.random.default_rng(4)
    path, truth = (np.rint(1e6 * chance.standard_normal(100).cumsum()).astype(np.int64) for _ in range(2))
    [want] = ensemble_losses(path[None, None, :], truth.tolist(), Pico(10**9))
    for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 1e-5)):
        told = (_told(values.tolist()).to(dtype) for values in (truth, path))
        got = float(point_loss(*told, torch.tensor(1e-3, dtype=dtype))) * NANO

        np.testing.assert_allclose(want, got, rtol=tolerance)


def test_a_batch_of_rounds_counts_like_each_alone_and_no_scored_step_is_no_number():
    chance = torch.Generator().manual_seed(3)
    outcome, members = torch.randn(3, 5, generator=chance), torch.randn(3, 8, 5, generator=chance)
    outcome[1, 2], outcome[2] = math.nan, math.nan
    sigma = torch.tensor([1.0, 2.0, 3.0])
    together = ensemble_loss(outcome, members, sigma)

    for row in range(2):
        torch.testing.assert_close(ensemble_loss(outcome[row], members[row], sigma[row]), together[row])
    assert math.isnan(together[2])


def test_a_gradient_pulls_the_members_to_the_outcome_and_a_missing_step_pulls_nothing():
    members = torch.tensor([[0.0, 1.0], [0.5, 1.5]], requires_grad=True)
    ensemble_loss(torch.tensor([1.0, math.nan]), members, torch.tensor(1.0)).backward()

    assert (members.grad[:, 0] < 0).all()
    assert (members.grad[:, 1] == 0).all()
