"""Block bootstrap, Holm's correction and verdicts, against cases whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mining_objects.significance import FEWEST_DAYS, DayBlocks, block_days, compare, holm
from protocol.units import DAY_MS, HOUR_MS


def _hours(days: int) -> np.ndarray:
    return np.arange(24 * days, dtype=np.int64) * HOUR_MS


def test_every_draw_takes_as_many_days_as_there_are_in_blocks_of_neighbours():
    blocks = DayBlocks(_hours(60), resamples=200)

    assert 4 == blocks.block_days
    assert {60.0} == set(blocks.counts.sum(axis=1))
    lonely = (blocks.counts > 0) & (np.roll(blocks.counts, 1, 1) == 0) & (np.roll(blocks.counts, -1, 1) == 0)
    assert not lonely.any()


@pytest.mark.parametrize(("days", "length"), [(1, 2), (8, 2), (9, 3), (30, 4), (91, 5), (274, 7), (365, 8)])
def test_blocks_grow_with_the_third_root_of_the_days(days, length):
    assert length == block_days(days)


def test_a_steady_gain_has_no_width_and_noise_has_that_of_the_textbook():
    at_ms = _hours(100)
    blocks = DayBlocks(at_ms)
    steady = blocks.gain(np.full(len(at_ms), 0.97), np.ones(len(at_ms)))
    widths = []
    for seed in range(20):
        noisy = blocks.mean(0.1 * np.random.default_rng(seed).standard_normal(100)[at_ms // DAY_MS])
        widths.append(noisy.high - noisy.low)

    np.testing.assert_allclose((0.03, 0.03, 0.03), (steady.value, steady.low, steady.high), atol=1e-12)
    assert 2 * 1.96 * 0.1 / np.sqrt(100) == pytest.approx(np.mean(widths), rel=0.1)


def test_days_that_hang_together_widen_the_interval():
    chance = np.random.default_rng(2)
    at_ms = _hours(300)
    spells = np.repeat(chance.standard_normal(100), 3)[at_ms // DAY_MS]
    alone = chance.permutation(np.repeat(chance.standard_normal(100), 3))[at_ms // DAY_MS]
    blocks = DayBlocks(at_ms)
    together, apart = blocks.mean(spells), blocks.mean(alone)

    assert together.high - together.low > 1.3 * (apart.high - apart.low)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    held, at_ms = 0, _hours(90)
    for seed in range(100):
        days = np.random.default_rng(seed).standard_normal(91)
        held += not DayBlocks(at_ms, resamples=400).mean((days[1:] + days[:-1])[at_ms // DAY_MS]).excludes(0.0)

    assert 86 <= held <= 99


def test_too_few_days_give_a_figure_without_an_interval():
    found = DayBlocks(_hours(FEWEST_DAYS - 1)).mean(np.ones(24 * (FEWEST_DAYS - 1)))

    assert (1.0, None, None, None) == (found.value, found.low, found.high, found.p)
    assert DayBlocks(_hours(FEWEST_DAYS)).mean(np.ones(24 * FEWEST_DAYS)).low is not None


def test_what_never_happened_has_no_figure_and_what_happened_on_few_days_no_interval():
    blocks = DayBlocks(_hours(40))
    nowhere, once = np.full(960, np.nan), np.full(960, np.nan)
    once[:5] = 1.0

    assert blocks.mean(nowhere).value is None
    assert (1.0, None) == (blocks.mean(once).value, blocks.mean(once).low)


def test_missing_answers_drop_out_of_both_sides():
    mine, other = np.full(960, 0.5), np.ones(960)
    mine[3], other[5] = np.nan, np.nan
    mine[7], other[7] = np.nan, 100.0

    assert 0.5 == DayBlocks(_hours(40)).gain(mine, other).value


def test_holm_multiplies_the_smallest_most_and_never_falls():
    assert [0.03, 0.06, None, 0.06] == pytest.approx(holm([0.01, 0.04, None, 0.03]))
    assert [1.0, 1.0] == holm([0.9, 0.7])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0.0, 1.0), max_size=12))
def test_no_adjusted_p_is_below_its_own_or_above_one(p_values):
    for p, adjusted in zip(p_values, holm(p_values), strict=True):
        assert p <= adjusted <= 1.0


def test_verdicts_are_plain_words():
    at_ms = _hours(60)
    chance = np.random.default_rng(3)
    noise = 0.2 * chance.standard_normal(60)[at_ms // DAY_MS]
    losses = {"good": np.full(1440, 0.9), "twin": np.full(1440, 0.9), "base": np.ones(1440), "noisy": 1.0 + noise}
    pairs = [("good", "base"), ("base", "good"), ("good", "twin"), ("noisy", "base")]
    found = compare(DayBlocks(at_ms), pairs, losses)

    assert ["better", "worse", "identical", "not significant"] == [one.verdict for one in found]
    assert 0.0 == found[2].gain.value
    mute = losses | {"mute": np.full(1440, np.nan)}
    assert "no answers" == compare(DayBlocks(at_ms), [("good", "mute")], mute)[0].verdict
    assert (
        "too few days" == compare(DayBlocks(at_ms[:24]), pairs[:1], {k: v[:24] for k, v in losses.items()})[0].verdict
    )


def test_many_comparisons_ask_for_more_evidence():
    at_ms = _hours(60)
    draws = np.random.default_rng(4).standard_normal((40, 60))[:, at_ms // DAY_MS]
    losses = {"base": np.ones(1440)} | {str(i): 1.0 + 0.2 * draw for i, draw in enumerate(draws)}
    found = compare(DayBlocks(at_ms), [(str(i), "base") for i in range(40)], losses)

    assert any(one.gain.p < 0.05 for one in found)
    assert {"not significant"} == {one.verdict for one in found}
