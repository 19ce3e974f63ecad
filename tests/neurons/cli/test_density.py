"""A distribution in text: heights follow probability, and marks stand where the quantiles are."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from neurons.cli.density import HALF, WIDE, Smooth, drawn, spark

SHARES = np.linspace(0.0, 1.0, 451)


def normal(mean: float, sd: float) -> Smooth:
    law = NormalDist(mean, sd)
    ends = [mean - 5 * sd, *(law.inv_cdf(p) for p in SHARES[1:-1].tolist()), mean + 5 * sd]
    return Smooth(ends, SHARES.tolist())


def test_a_normal_law_is_a_bell_with_its_median_in_the_middle() -> None:
    lines = drawn(normal(10.0, 2.0), width=60, height=8)
    assert 10 == len(lines)
    assert "██" in lines[0]
    assert 28 <= lines[0].index("█") <= 31
    widths = [len(line.strip()) for line in lines[:8]]
    assert sorted(widths) == widths
    marks = lines[8]
    assert 29 <= marks.index("┃") <= 30
    reach = 2 * 2.0 * NormalDist().inv_cdf(0.995)
    assert pytest.approx(60 * 2 * 1.96 * 2.0 / reach, abs=2) == marks.index("┤") - marks.index("├")
    thick = [place for place, mark in enumerate(marks) if mark in "━┃"]
    assert pytest.approx(60 * 2 * 0.6745 * 2.0 / reach, abs=2) == thick[-1] - thick[0]
    assert pytest.approx([10.0 - reach / 2, 10.0 + reach / 2], abs=0.05) == [float(end) for end in lines[9].split()]
    assert 60 == len(lines[9])


def test_the_likelier_of_two_heaps_is_the_higher() -> None:
    two = Smooth([0.0, 1.0, 9.0, 10.0], [0.0, 0.3, 0.3, 1.0])
    lines = drawn(two, width=40, height=4)
    assert "█" not in lines[0][:20]
    assert "█" in lines[0][20:]
    assert " " == lines[3][20]


def test_a_single_number_is_a_sentence() -> None:
    assert ["Everybody says 7.5."] == drawn(Smooth([7.5, 7.5], [0.0, 1.0]), width=40, height=4)


def test_quantiles_lie_between_the_points_and_shares_end_at_nothing_and_all() -> None:
    one = Smooth([0.0, 10.0], [0.0, 1.0])
    assert [2.5, 7.5] == [one.quantile(p) for p in HALF]
    assert pytest.approx([0.25, 9.75]) == [one.quantile(p) for p in WIDE]
    assert [0.0, 0.5, 1.0] == one.share([-1.0, 5.0, 11.0])


def test_a_line_of_bars_goes_from_the_least_to_the_most() -> None:
    assert "▁▅█" == spark([1.0, 2.0, 3.0])
    assert "▄▄" == spark([5.0, 5.0])
