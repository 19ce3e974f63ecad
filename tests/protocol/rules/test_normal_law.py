from decimal import Decimal
from fractions import Fraction
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.rules.normal_law import normal_cdf, normal_quantile_nano
from protocol.units import NANO, Nano

# Abramowitz & Stegun (1964), table 26.1, and the usual two-sided bounds of 90, 95 and 99 percent.
TABLED = [
    (0, 1, 2),
    (1_281_551_566, 9, 10),
    (1_644_853_627, 95, 100),
    (1_959_963_985, 975, 1000),
    (2_575_829_304, 995, 1000),
    (3_090_232_306, 999, 1000),
    (-3_090_232_306, 1, 1000),
]


@pytest.mark.parametrize(("z_nano", "numerator", "denominator"), TABLED)
def test_a_quantile_is_the_one_of_the_tables(z_nano, numerator, denominator):
    assert z_nano == normal_quantile_nano(numerator, denominator)


@given(st.integers(1, 2**30 - 1))
@settings(max_examples=100, deadline=None)
def test_a_quantile_and_its_probability_agree_to_half_a_nano(numerator):
    z = normal_quantile_nano(numerator, 2**30)
    wanted = Decimal(numerator) / 2**30

    assert normal_cdf(Nano(z - 1)) < wanted < normal_cdf(Nano(z + 1))
    assert z == -normal_quantile_nano(2**30 - numerator, 2**30)
    assert abs(z / NANO - NormalDist().inv_cdf(numerator / 2**30)) < 2e-9


@given(st.integers(-9 * NANO, 9 * NANO))
@settings(max_examples=100, deadline=None)
def test_a_probability_is_the_floats_to_their_last_digits(z_nano):
    assert abs(float(normal_cdf(Nano(z_nano))) - NormalDist().cdf(z_nano / NANO)) < 1e-15
    both_tails = Fraction(normal_cdf(Nano(z_nano))) + Fraction(normal_cdf(Nano(-z_nano)))
    assert abs(both_tails - 1) < Fraction(1, 10**38)


def test_beyond_fourteen_sigmas_nothing_is_left():
    assert [0, 1] == [normal_cdf(Nano(-14 * NANO)), normal_cdf(Nano(14 * NANO))]


@pytest.mark.parametrize(("numerator", "denominator"), [(0, 9), (9, 9), (-1, 9), (10, 9), (1, 2**40 + 1), (0, 0)])
def test_no_quantile_is_asked_beyond_the_law(numerator, denominator):
    with pytest.raises(ValueError, match="want a probability"):
        normal_quantile_nano(numerator, denominator)
