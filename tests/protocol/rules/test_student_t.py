"""Published table values; the sums behind them are in the docstring's source."""

import pytest

from protocol.rules.student_t import t_quantile_nano

# NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2, "Critical Values of the Student's t Distribution".
NIST = [
    (1, 0.95, "6.314"), (1, 0.99, "31.821"), (2, 0.99, "6.965"), (3, 0.99, "4.541"), (5, 0.975, "2.571"),
    (7, 0.99, "2.998"), (30, 0.99, "2.457"), (60, 0.95, "1.671"), (100, 0.99, "2.364"),
]  # fmt: skip


@pytest.mark.parametrize(("degrees", "confidence", "published"), NIST)
def test_the_published_table_is_met_in_every_digit(degrees, confidence, published):
    assert published == f"{t_quantile_nano(degrees, round(confidence * 10**6)) / 10**9:.3f}"


def test_many_degrees_of_freedom_approach_the_normal_quantile():
    # 2.326347874 is the normal law's 99% quantile (statistics.NormalDist().inv_cdf(0.99)).
    assert 2_326_347_874 < t_quantile_nano(1_000, 990_000) < 2_331_000_000


@pytest.mark.parametrize("degrees", range(1, 60))
def test_more_blocks_ask_for_less_and_more_confidence_asks_for_more(degrees):
    assert t_quantile_nano(degrees + 1, 990_000) < t_quantile_nano(degrees, 990_000) < t_quantile_nano(degrees, 995_000)


@pytest.mark.parametrize(("degrees", "confidence_ppm"), [(0, 990_000), (5, 500_000), (5, 1_000_000)])
def test_a_quantile_that_does_not_exist_is_refused(degrees, confidence_ppm):
    with pytest.raises(ValueError, match="degrees"):
        t_quantile_nano(degrees, confidence_ppm)
