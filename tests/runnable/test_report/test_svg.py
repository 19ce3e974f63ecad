"""Pictures: round ticks, lines that break where nothing is known, the same text for the same numbers."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from runnable.test_report.svg import Plot, Whisker, colour, forest, heat_map, nice_ticks


def _plot(ys) -> str:
    plot = Plot(x=(0.0, 3.0), y=(-1.0, 1.0), title="a < b", x_label="x")
    plot.line(np.arange(4.0), np.array(ys), "c0", "the line")
    plot.band(np.arange(4.0), np.array(ys) - 0.1, np.array(ys) + 0.1, "c0")
    return plot.render("what it shows")


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-3.2, 7.9), (0.0, 13_000.0), (-1e-4, 2e-4), (5.0, 5.1)])
def test_ticks_are_few_round_and_inside(low, high):
    ticks = nice_ticks(low, high)

    assert 3 <= len(ticks) <= 7
    assert low - 1e-9 <= min(ticks) <= max(ticks) <= high + 1e-9
    assert 1 == len({round(b - a, 9) for a, b in pairwise(ticks)})


def test_a_line_breaks_where_nothing_is_known_and_where_it_leaves_the_axes():
    assert [1, 2, 2] == [
        _plot(ys).split("<title>")[0].split('class="line')[1].count("M")
        for ys in ([0.0, 0.1, 0.2, 0.3], [0.0, np.nan, 0.2, 0.3], [0.0, 5.0, 0.2, 0.3])
    ]
    assert "nan" not in _plot([np.nan] * 4)


def test_pictures_are_sound_xml_with_words_for_those_who_cannot_see_them():
    rows = [Whisker("a against b", 1.0, None, None, "c0", ""), Whisker("b", -1.0, -2.0, 0.5, "c1", "tip")]
    heat = heat_map([[0.1, None]], ["Mon"], ["00", "01"], title="t", largest=0.0, tips=[["", ""]], label="heat")

    for picture in (_plot([0.0, 0.1, 0.2, 0.3]), forest(rows, unit="%", label="forest"), heat):
        assert ElementTree.fromstring(picture).attrib["aria-label"]


def test_the_same_numbers_give_the_same_text():
    assert _plot([0.0, 0.1, 0.2, 0.3]) == _plot([0.0, 0.1, 0.2, 0.3])


def test_an_empty_range_and_a_flat_line_can_be_drawn():
    plot = Plot(x=(1.0, 1.0), y=(0.0, 0.0))
    plot.bar(1.0, 1.0, 0.0, "c0")
    plot.whisker(1.0, 0.0, None, None, "c0")

    assert ElementTree.fromstring(plot.render("flat")) is not None


def test_contenders_beyond_the_colours_are_dashed():
    assert ("c0", "c5", "c0 dash") == (colour(0), colour(5), colour(6))
