"""The generated market: the same everywhere from one seed, and enough like a market to be worth forecasting."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from neurons.market.candles import CandleArrays
from neurons.market.generated import CHUNK_STEPS, THREE_VENUES, GeneratedMarket, MarketShape, VenueShape, uniforms
from protocol.units import DAY_MS, MINUTE_MS

STEP_MS = 5 * MINUTE_MS
ORIGIN_MS = 1_750_032_000_000
WEEKS = 6
END_MS = ORIGIN_MS + WEEKS * 7 * DAY_MS


def market(seed: int = 1) -> GeneratedMarket:
    return GeneratedMarket(MarketShape(seed=seed, origin_ms=ORIGIN_MS))


def fingerprint(candles: CandleArrays) -> str:
    parts = (candles.open_time_ms, candles.prices_e8, candles.volume)
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()


def test_two_processes_with_one_seed_see_the_same_market():
    program = (
        "from tests.neurons.market.test_generated import *;"
        "print(fingerprint(market(9).venue('gen-birch').candles(END_MS - 5 * DAY_MS, END_MS)))"
    )
    runs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
        for _ in range(2)
    ]
    here = fingerprint(market(9).venue("gen-birch").candles(END_MS - 5 * DAY_MS, END_MS))
    assert [here, here] == runs


def test_a_window_holds_the_same_candles_however_it_is_reached():
    whole = market().sources()[0].candles(ORIGIN_MS, END_MS)
    for from_day, to_day in ((0, 1), (6, 8), (20, 41), (13, 14)):
        from_ms, to_ms = ORIGIN_MS + from_day * DAY_MS + 1, ORIGIN_MS + to_day * DAY_MS
        assert fingerprint(whole.window(from_ms, to_ms)) == fingerprint(market().sources()[0].candles(from_ms, to_ms))


def test_another_seed_is_another_market_and_other_venues_do_not_move_a_venue():
    first = market(1).sources()[0].candles(ORIGIN_MS, END_MS)
    assert fingerprint(first) != fingerprint(market(2).sources()[0].candles(ORIGIN_MS, END_MS))
    alone = GeneratedMarket(MarketShape(seed=1, origin_ms=ORIGIN_MS, venues=(THREE_VENUES[0],)))
    assert fingerprint(first) == fingerprint(alone.sources()[0].candles(ORIGIN_MS, END_MS))


def test_nothing_opens_before_the_origin_and_an_empty_window_is_empty():
    source = market().sources()[0]
    assert 0 == len(source.candles(ORIGIN_MS - 9 * DAY_MS, ORIGIN_MS))
    assert 0 == len(source.candles(END_MS, END_MS))
    assert ORIGIN_MS == source.candles(ORIGIN_MS - DAY_MS, ORIGIN_MS + DAY_MS).open_time_ms[0]


@pytest.mark.parametrize("index", range(3))
def test_candles_are_possible(index):
    candles = market().sources()[index].candles(ORIGIN_MS, END_MS)
    assert (np.diff(candles.open_time_ms) > 0).all()
    assert (candles.open_time_ms % STEP_MS == 0).all()
    assert (candles.low_e8 > 0).all()
    assert (candles.low_e8 <= np.minimum(candles.open_e8, candles.close_e8)).all()
    assert (candles.high_e8 >= np.maximum(candles.open_e8, candles.close_e8)).all()
    assert (candles.volume > 0).all()


def test_every_venue_has_gaps_and_few():
    for source in market().sources():
        missing = WEEKS * CHUNK_STEPS - len(source.candles(ORIGIN_MS, END_MS))
        assert 1 <= missing <= 0.01 * WEEKS * CHUNK_STEPS


def test_returns_have_fat_tails_and_their_size_clusters_but_not_their_sign():
    venue = VenueShape("quiet", noise_bp=0.0, gap_ppm=0, bad_print_ppm=0, basis_swing_bp=0.0)
    shape = MarketShape(seed=4, origin_ms=ORIGIN_MS, venues=(venue,))
    close = GeneratedMarket(shape).sources()[0].candles(ORIGIN_MS, END_MS).close_e8
    returns = np.diff(np.log(close))
    size = np.abs(returns) - np.abs(returns).mean()
    assert (returns**4).mean() / returns.var() ** 2 > 5
    assert (size[12:] * size[:-12]).mean() / size.var() > 0.03
    assert abs((returns[1:] * returns[:-1]).mean() / returns.var()) < 0.05
    assert 3e-4 < returns.std() < 3e-3


def test_the_day_has_a_shape():
    shape = MarketShape(seed=4, origin_ms=ORIGIN_MS, fast_deviation=0.0, slow_deviation=0.0)
    candles = GeneratedMarket(shape).sources()[0].candles(ORIGIN_MS, END_MS)
    hour = (candles.open_time_ms % DAY_MS) // (60 * MINUTE_MS)
    size = np.abs(np.log(candles.high_e8 / candles.low_e8))
    assert size[hour == 15].mean() > 1.5 * size[hour == 4].mean()


def test_venues_stand_apart_by_their_basis():
    amber, birch, coral = (s.candles(ORIGIN_MS, END_MS) for s in market().sources())
    for other, low, high in ((birch, 1.0, 5.0), (coral, -6.0, -2.0)):
        both = np.intersect1d(amber.open_time_ms, other.open_time_ms)
        ours = amber.close_e8[np.isin(amber.open_time_ms, both)]
        theirs = other.close_e8[np.isin(other.open_time_ms, both)]
        assert low < float(np.median((theirs / ours - 1) * 1e4)) < high


def test_labels_say_that_the_prices_are_generated():
    assert ["gen-amber (generated, seed 1)"] == [s.label for s in market().sources()[:1]]
    assert all("generated" in s.label for s in market().sources())


def test_an_unknown_venue_is_refused_by_name():
    with pytest.raises(KeyError, match="gen-zinc"):
        market().venue("gen-zinc")


def test_the_uniforms_are_pinned():
    """Golden: numpy 2.4.6, Philox words of SHA-256("augury/generated/1|7|golden|0"), first 53 bits, midpoints."""
    assert [0.16956008757677038, 0.00572352264227699, 0.019338464166331726] == uniforms(7, "golden", 0, 3).tolist()
