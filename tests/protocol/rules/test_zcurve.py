import json
from fractions import Fraction
from itertools import product
from pathlib import Path
from statistics import StatisticsError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import InvalidRequest
from protocol.rules.normal_law import normal_quantile_nano
from protocol.rules.zcurve import (
    CELLS,
    cell_of,
    deinterleave,
    from_cube,
    from_zcurve,
    interleave,
    middle_of,
    morton_large,
    percentiles_of_zcurve,
    to_cube,
    to_zcurve,
    zcurve_nano,
)
from protocol.units import NANO, Nano

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "zcurve.json").read_text())
cells = st.integers(0, CELLS - 1)
cell_sets = st.lists(cells, min_size=1, max_size=3)
percentiles = st.fractions(0, 1, max_denominator=10**6)


@pytest.mark.parametrize("vector", VECTORS["curves"], ids=lambda vector: str(vector["prctls"]))
def test_the_original_s_curve_is_followed_there_and_back(vector):
    prctls, z = vector["prctls"], vector["z"]

    assert z == pytest.approx(to_zcurve(prctls), abs=1e-12)
    if len(prctls) > 1:
        assert vector["u"] == from_cube(prctls)
        assert vector["back"] == from_zcurve(z, len(prctls))


@pytest.mark.parametrize("vector", VECTORS["inverses"], ids=lambda vector: f"{vector['z']} in {vector['dim']}")
def test_any_z_score_unfolds_as_the_original_unfolds_it(vector):
    assert vector["prctls"] == from_zcurve(vector["z"], vector["dim"])


@pytest.mark.parametrize(
    "prctls", [[0, 0], [0.0005, 0.0009], [1023 / 1024] * 2, [1.0, 0.5], [0.9995, 0.9999, 0.9992], [0.0], [1.0]]
)
def test_where_the_original_s_curve_is_undefined_so_is_ours_by_that_name_and_the_network_s_is_not(prctls):
    with pytest.raises(StatisticsError):
        to_zcurve(prctls)

    exact = [Fraction(p) for p in prctls]
    assert [middle_of(cell_of(p)) for p in exact] == percentiles_of_zcurve(zcurve_nano(exact), len(exact))


@given(cell_sets)
@settings(max_examples=200, deadline=None)
def test_bits_come_apart_as_they_were_interleaved(chosen):
    morton = interleave(chosen)

    assert chosen == deinterleave(morton, len(chosen))
    assert 0 <= morton <= morton_large(len(chosen))


def test_the_first_stream_has_the_lowest_bit():
    assert [1, 2, 4] == [interleave([1, 0, 0]), interleave([0, 1, 0]), interleave([0, 0, 1])]
    assert [1_048_575, 1_073_741_823] == [interleave([1023] * 2), interleave([1023] * 3)]


@given(st.lists(percentiles, min_size=1, max_size=3))
@settings(max_examples=200, deadline=None)
def test_every_percentile_comes_back_as_the_middle_of_its_cell(chosen):
    back = percentiles_of_zcurve(zcurve_nano(chosen), len(chosen))

    assert [middle_of(cell_of(p)) for p in chosen] == back
    assert all(abs(one - p) <= Fraction(1, 2 * CELLS) for one, p in zip(back, chosen, strict=True))
    assert all(0 < one < 1 for one in back)


@given(cell_sets)
@settings(max_examples=200, deadline=None)
def test_on_the_grid_of_middles_the_inverse_is_exact_and_so_is_the_inverse_s_inverse(chosen):
    middles = [middle_of(cell) for cell in chosen]
    z = zcurve_nano(middles)

    assert middles == percentiles_of_zcurve(z, len(middles))
    assert z == zcurve_nano(percentiles_of_zcurve(z, len(middles)))
    assert [float(middle) for middle in middles] == [(2 * cell + 1) / 2048 for cell in chosen]


@pytest.mark.parametrize("dim", [2, 3])
def test_where_the_curve_s_cells_are_narrowest_two_neighbours_are_still_two(dim):
    middle = (morton_large(dim) + 1) // 2
    for morton in (0, 1, middle - 1, middle, middle + 1, morton_large(dim) - 1, morton_large(dim)):
        z = normal_quantile_nano(2 * morton + 1, 2 * (morton_large(dim) + 1))
        assert [middle_of(cell) for cell in deinterleave(morton, dim)] == percentiles_of_zcurve(z, dim)


@given(st.integers(-20 * NANO, 20 * NANO), st.sampled_from([1, 2, 3]))
@settings(max_examples=100, deadline=None)
def test_every_z_score_has_percentiles_also_beyond_the_curve_s_ends(z_nano, dim):
    unfolded = percentiles_of_zcurve(Nano(z_nano), dim)

    assert dim == len(unfolded)
    assert all(Fraction(1, 2 * CELLS) <= one <= 1 - Fraction(1, 2 * CELLS) for one in unfolded)


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=2, max_size=3))
@settings(max_examples=200, deadline=None)
def test_the_original_s_inverse_gives_the_left_edges_of_the_cells(prctls):
    assert [int(CELLS * p) / CELLS for p in prctls] == to_cube(from_cube(prctls), len(prctls))


def test_a_set_of_independent_percentiles_covers_the_curve_evenly():
    quarters = [Fraction(1, 8), Fraction(3, 8), Fraction(5, 8), Fraction(7, 8)]
    places = sorted(interleave([cell_of(a), cell_of(b)]) for a, b in product(quarters, quarters))

    assert list(range(16)) == [16 * place // (morton_large(2) + 1) for place in places]


@pytest.mark.parametrize(
    "refused",
    [lambda: interleave([0] * 4), lambda: interleave([]), lambda: interleave([CELLS]), lambda: interleave([-1, 0]),
     lambda: deinterleave(CELLS**2, 2), lambda: deinterleave(-1, 2), lambda: from_cube([0.5]),
     lambda: percentiles_of_zcurve(Nano(0), 4), lambda: from_zcurve(0.0, 0)],
)  # fmt: skip
def test_what_is_on_no_curve_is_refused(refused):
    with pytest.raises(InvalidRequest):
        refused()
