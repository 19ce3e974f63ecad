import json
from fractions import Fraction
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import InvalidRequest
from protocol.rules.copulas import (
    correlation,
    correlation_2022,
    covariance,
    lagged_copulas,
    lagged_zvalues,
    robust_std,
    zcurve_of_percentiles,
    zcurve_of_zscores,
)
from protocol.rules.zcurve import cell_of, middle_of, percentiles_of_zcurve
from protocol.units import NANO, Nano

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "copulas.json").read_text())
percentile_vectors = st.integers(1, 3).flatmap(
    lambda dim: st.lists(st.lists(st.floats(0, 1), min_size=dim, max_size=dim), min_size=1, max_size=6)
)


def test_the_original_s_correlations_are_found_again():
    for vector in VECTORS["correlations"]:
        assert vector["correlation"] == pytest.approx(correlation_2022(vector["zvalues"]), abs=1e-12)
        assert vector["correlation"] == pytest.approx(correlation(vector["zvalues"]), abs=0.2)


def test_the_original_s_spread_is_found_again():
    for vector in VECTORS["spreads"]:
        assert vector["std"] == pytest.approx(robust_std(vector["xs"]), abs=1e-12)


@given(percentile_vectors)
@settings(max_examples=100, deadline=None)
def test_what_is_submitted_is_read_back_as_the_middles_of_its_cells(vectors):
    expected = [[float(middle_of(cell_of(Fraction(p)))) for p in vector] for vector in vectors]
    sent = zcurve_of_percentiles(vectors)

    assert expected == lagged_copulas(sent, len(vectors[0])).tolist()
    exact = [percentiles_of_zcurve(Nano(round(z * NANO)), len(vectors[0])) for z in sent]
    assert expected == [[float(p) for p in vector] for vector in exact]


@given(st.lists(st.floats(-40, 40), min_size=1, max_size=9), st.sampled_from([1, 2, 3]))
@settings(max_examples=100, deadline=None)
def test_every_value_of_a_curve_has_finite_z_scores(values, dim):
    scores = lagged_zvalues(values, dim)

    assert (len(values), dim) == scores.shape
    assert np.isfinite(scores).all()


def test_z_scores_come_back_to_the_width_of_a_cell():
    sent = [[-1.0, 0.3, 2.0], [0.0, 0.0, -2.5]]

    assert np.array(sent).ravel().tolist() == pytest.approx(
        lagged_zvalues(zcurve_of_zscores(sent), 3).ravel().tolist(), abs=0.06
    )


def test_a_copula_s_correlation_is_recovered():
    normals = np.random.default_rng(9).multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], 1500)

    assert 0.7 == pytest.approx(correlation(zcurve_of_zscores(normals)), abs=0.04)


def test_covariances_are_correlations_times_both_spreads():
    assert [[4.0, 3.0], [3.0, 9.0]] == covariance([[1.0, 0.5], [0.5, 1.0]], [2.0, 3.0]).tolist()
    normals = [NormalDist(0, 3).inv_cdf((k + 0.5) / 225) for k in range(225)]
    assert 3.0 == pytest.approx(robust_std(normals), rel=0.02)


@pytest.mark.parametrize(
    "refused",
    [lambda: zcurve_of_percentiles([[0.5, 1.1]]), lambda: zcurve_of_percentiles([0.5]), lambda: correlation([0.1]),
     lambda: zcurve_of_percentiles([[0.1] * 4]), lambda: zcurve_of_zscores([[float("nan"), 0.0]]),
     lambda: lagged_copulas([float("inf")], 2), lambda: lagged_copulas([0.0], 4), lambda: correlation([0.1, 0.1])],
)  # fmt: skip
def test_what_stands_for_no_vector_is_refused(refused):
    with pytest.raises(InvalidRequest):
        refused()
