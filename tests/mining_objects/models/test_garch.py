"""GARCH: the recursion by hand, parameters found again, held to the `arch` library, and paths that cluster."""

from __future__ import annotations

import numpy as np
import pytest

from mining_objects.models.garch import GarchFit, fit_garch, log_likelihood, lowest, run_on, variances

TRUE = GarchFit(a=0.06, g=0.08, b=0.86, nu=6.0)


def _simulated(n=9_000, seed=1):
    chance = np.random.default_rng(seed)
    residuals = chance.standard_t(TRUE.nu, (n, 1)) / np.sqrt(TRUE.nu / (TRUE.nu - 2))
    return run_on(residuals, 1.0, TRUE)[:, 0]


UNITS = _simulated()


def test_variances_are_those_of_a_plain_loop_and_a_missing_return_counts_as_an_average_one():
    units = UNITS[:400].copy()
    units[[7, 8]] = np.nan
    h = [1.0]
    for e in units:
        square, fell = (1.0, False) if np.isnan(e) else (e * e, e < 0)
        h.append(1 - TRUE.a - TRUE.g / 2 - TRUE.b + (TRUE.a + TRUE.g * fell) * square + TRUE.b * h[-1])

    np.testing.assert_allclose(h, variances(units, TRUE), rtol=1e-10)


def test_parameters_are_found_again():
    fit = fit_garch(UNITS / np.sqrt(np.mean(UNITS**2)))

    assert TRUE.a + TRUE.g / 2 + TRUE.b == pytest.approx(fit.a + fit.g / 2 + fit.b, abs=0.03)
    assert TRUE.g == pytest.approx(fit.g, abs=0.06)
    assert TRUE.nu == pytest.approx(fit.nu, abs=1.2)


def test_the_fit_is_as_likely_as_that_of_the_arch_library():
    arch = pytest.importorskip("arch")
    units = UNITS / np.sqrt(np.mean(UNITS**2))
    model = arch.arch_model(units, mean="Zero", vol="GARCH", p=1, o=1, q=1, dist="t", rescale=False)
    theirs = model.fit(disp="off")
    fit = fit_garch(units)
    told = theirs.params

    assert theirs.loglikelihood - 3.0 < log_likelihood(units, fit)
    same = GarchFit(told["alpha[1]"], told["gamma[1]"], told["beta[1]"], told["nu"])
    settled = slice(300, None)  # theirs starts from a backcast and has its own mean variance
    np.testing.assert_allclose(
        theirs.conditional_volatility[settled] ** 2, variances(units, same)[:-1][settled], rtol=0.12
    )
    np.testing.assert_allclose((told["alpha[1]"], told["beta[1]"]), (fit.a, fit.b), atol=0.03)


def test_the_likelihood_is_that_of_a_student_t_of_unit_variance():
    stats = pytest.importorskip("scipy.stats")
    units = UNITS[:500].copy()
    units[3] = np.nan
    h = variances(units, TRUE)[:-1]
    wanted = stats.t.logpdf(units, TRUE.nu, scale=np.sqrt(h * (TRUE.nu - 2) / TRUE.nu))

    assert np.nansum(wanted) == pytest.approx(log_likelihood(units, TRUE))


def test_paths_cluster_and_a_fall_raises_volatility_more_than_a_rise():
    residuals = np.random.default_rng(2).standard_normal((60, 4_000))
    moves = run_on(residuals, 1.0, TRUE)
    first, later = moves[0], moves[1:6].std(axis=0)

    assert np.corrcoef(np.abs(first), later)[0, 1] > 0.1
    assert later[first < -1.5].mean() > later[first > 1.5].mean() > later[np.abs(first) < 0.5].mean()


def test_the_simplex_search_finds_the_bottom_of_a_valley():
    def valley(x):
        return float((x[0] - 1) ** 2 + 10 * (x[1] + 2) ** 2 + x[0] * x[1] * 0.1)

    found = lowest(valley, np.array([3.0, 3.0]), 200)
    np.testing.assert_allclose([1.1, -2.006], found, atol=0.01)
