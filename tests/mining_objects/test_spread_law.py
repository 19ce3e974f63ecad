"""A law as shape times scale: its CRPS is the rules' own, and a scale that is there is found again."""

from __future__ import annotations

import numpy as np

from mining_objects.spread_law import Z_GRID, crps_table, fit_log_scale, normal_scores, tabulate_shape
from mining_objects.walk_forward import ensemble_crps, gaussian_crps

FAT = np.sign(Z_GRID) * np.abs(Z_GRID) ** 1.3


def test_the_table_is_the_crps_of_many_members_of_that_shape():
    members = np.interp(normal_scores(1_000), Z_GRID, FAT)[:, None]
    outcomes = np.array([-20.0, -2.0, -0.3, 0.0, 1.0, 5.0, 30.0])
    wanted = [float(ensemble_crps(members, np.array([y]))[0]) for y in outcomes]

    np.testing.assert_allclose(wanted, crps_table(FAT).at(outcomes)[0], rtol=3e-3, atol=1e-3)


def test_the_table_of_the_grid_itself_is_the_normal_law():
    y = np.linspace(-4, 4, 81)

    np.testing.assert_allclose(gaussian_crps(y, np.ones(81)), crps_table(Z_GRID).at(y)[0], rtol=3e-3)


def test_slopes_are_those_of_the_values():
    y = np.linspace(-3, 3, 61) + 0.003
    value, slope, curve = crps_table(FAT).at(y)
    above, below = (crps_table(FAT).at(y + e)[0] for e in (0.1, -0.1))

    np.testing.assert_allclose((above - below) / 0.2, slope, atol=0.02)
    np.testing.assert_allclose((above + below - 2 * value) / 0.01, curve, atol=0.25)


def test_the_shape_of_normal_residuals_is_the_grid():
    shape = tabulate_shape(np.random.default_rng(2).standard_normal(200_000))
    inner = np.abs(Z_GRID) <= 2

    np.testing.assert_allclose(Z_GRID[inner], shape[inner], atol=0.03)


def test_weights_of_the_scale_are_found_again():
    chance = np.random.default_rng(3)
    inputs = np.column_stack([np.ones(60_000), chance.standard_normal((60_000, 2))])
    offset = chance.normal(-7.0, 0.5, 60_000)
    outcome = np.exp(offset + inputs @ [0.2, 0.5, -0.3]) * chance.standard_normal(60_000)
    found = fit_log_scale(inputs, offset, outcome, np.exp(-offset), Z_GRID)

    np.testing.assert_allclose([0.2, 0.5, -0.3], found, atol=0.02)


def test_normal_scores_are_symmetric_and_rise():
    scores = normal_scores(256)

    np.testing.assert_allclose(-scores[::-1], scores, atol=1e-12)
    assert (np.diff(scores) > 0).all()
    np.testing.assert_allclose(0.6745, np.interp(0.75, (np.arange(256) + 0.5) / 256, scores), atol=1e-3)
