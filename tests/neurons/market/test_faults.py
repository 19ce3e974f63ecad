"""Faults as values: what a venue with one shows, candle by candle, and that it still never tells the future."""

from __future__ import annotations

from dataclasses import fields

import pytest

from neurons.market.dialects.known import DIALECTS
from neurons.market.faults import Faults, faults_from
from protocol.errors import InvalidSetting
from protocol.units import MINUTE_MS
from tests.support.sources import ROOT
from tests.support.stand_in import NOW_MS, RUNNING_MS, STEP_MS, SYMBOLS, ask, gapless_source, shelf_at


def shown(faults: Faults, *, at_ms: int = NOW_MS, count: int = 4):
    """The newest candles as (steps from the running one, open, close, is_final), with that fault."""
    page = shelf_at("binance", at_ms, faults).last(at_ms + 10 * STEP_MS, count)
    return [
        ((one.candle.open_time_ms - RUNNING_MS) // STEP_MS, one.candle.open_e8, one.candle.close_e8, one.is_final)
        for one in page
    ]


def truth(step: int):
    """(open, close) of the candle that many steps from the one that runs, as it will have been."""
    candle = gapless_source().candles(RUNNING_MS + step * STEP_MS, RUNNING_MS + step * STEP_MS + 1).candle(0)
    return candle.open_e8, candle.close_e8


def running(step: int):
    return (step, truth(step)[0], truth(step)[0], False)


def final(step: int):
    return (step, *truth(step), True)


def test_a_healthy_venue_shows_what_has_ended_and_what_runs():
    assert [final(-2), final(-1), running(0)] == shown(Faults(), count=3)


def test_a_venue_that_goes_back_in_time_shows_the_market_as_it_was():
    assert [final(-4), running(-3)] == shown(Faults(rewind_ms=3 * STEP_MS), count=2)


def test_a_frozen_venue_shows_the_same_ever_after_but_never_more_than_there_is():
    at = Faults(frozen_at_ms=NOW_MS)
    assert shown(Faults()) == shown(at, at_ms=NOW_MS + 9 * STEP_MS)
    assert shown(Faults()) == shown(Faults(frozen_at_ms=NOW_MS + 9 * STEP_MS))


def test_a_clock_that_is_ahead_takes_for_final_what_still_runs_and_invents_no_future():
    opened = truth(0)[0]
    ahead = shown(Faults(clock_shift_ms=5 * MINUTE_MS), count=3)
    assert [final(-1), (0, opened, opened, True), (1, opened, opened, False)] == ahead
    assert NOW_MS + 7 == shelf_at("binance", NOW_MS, Faults(clock_shift_ms=7)).now_ms


def test_a_clock_that_is_behind_knows_less():
    assert [final(-2), running(-1)] == shown(Faults(clock_shift_ms=-2 * MINUTE_MS), count=2)


def test_a_lie_moves_every_price():
    opened, closed = truth(-1)
    assert (-1, opened + opened * 30 // 10_000, closed + closed * 30 // 10_000, True) == shown(Faults(lie_bp=30))[-2]


def test_a_gap_leaves_candles_out_and_the_page_reaches_over_it():
    gap = Faults(gap_from_ms=RUNNING_MS - 2 * STEP_MS, gap_to_ms=RUNNING_MS)
    assert [-4, -3, 0] == [candle[0] for candle in shown(gap, count=3)]


def test_another_market_has_other_prices_and_another_name():
    opened, closed = truth(-1)
    faults = Faults(wrong_symbol=True)
    assert (-1, opened // 16, closed // 16, True) == shown(faults)[-2]
    assert (
        "XETHZUSD"
        in DIALECTS["kraken"]
        .answer(ask("/0/public/OHLC", pair="XXBTZUSD", interval=5), shelf_at("kraken", NOW_MS, faults))
        .text
    )


def test_a_candle_is_revised_from_an_instant_on():
    revision = Faults(revised_open_ms=RUNNING_MS - STEP_MS, revised_from_ms=NOW_MS + 1, revised_bp=-50)
    opened, closed = truth(-1)
    assert final(-1) == shown(revision, at_ms=NOW_MS)[-2]
    assert (-1, opened, closed + closed * -50 // 10_000, True) == shown(revision, at_ms=NOW_MS + 1)[-2]
    low = shelf_at("binance", NOW_MS + 1, revision).last(RUNNING_MS, 1)[0].candle
    assert low.low_e8 <= low.close_e8 <= low.high_e8


def test_a_repeated_a_copied_and_a_junk_candle():
    assert running(0) == shown(Faults(repeat_last=True))[-2] == shown(Faults(repeat_last=True))[-1]
    assert (-1, *truth(-2), True) == shown(Faults(copy_last=True))[-2]
    page = shelf_at("binance", NOW_MS, Faults(junk_field="NaN")).last(NOW_MS, 3)
    assert ["", "NaN", ""] == [one.junk for one in page]


@pytest.mark.parametrize("dialect", sorted(SYMBOLS))
def test_junk_in_a_price_reaches_the_wire_of_every_dialect(dialect):
    questions = {
        "binance": ask("/api/v3/klines", symbol="BTCUSDT", interval="5m"),
        "bybit": ask("/v5/market/kline", category="spot", symbol="BTCUSDT", interval=5),
        "coinbase": ask(
            "/api/v3/brokerage/market/products/BTC-USD/candles",
            start=NOW_MS // 1000 - 3000,
            end=NOW_MS // 1000,
            granularity="FIVE_MINUTE",
        ),
        "coinbaseexchange": ask("/products/BTC-USD/candles", granularity=300),
        "kraken": ask("/0/public/OHLC", pair="XXBTZUSD", interval=5),
        "okx": ask("/api/v5/market/candles", instId="BTC-USDT", bar="5m"),
    }
    shelf = shelf_at(dialect, NOW_MS, Faults(junk_field="1e400"))
    assert 1 == DIALECTS[dialect].answer(questions[dialect], shelf).text.count("1e400")


@pytest.mark.parametrize(
    ("values", "names"),
    [({"hangs": True}, "hangs"), ({"hang": 1}, "hang"), ({"status": 99}, "99"), ({"status": True}, "status")],
)
def test_a_fault_that_there_is_not_is_refused_by_name(values, names):
    with pytest.raises(InvalidSetting, match=names):
        faults_from(values)


def test_every_fault_is_explained_where_a_person_looks_for_it():
    page = (ROOT / "docs/prices.md").read_text(encoding="utf-8")
    section = page.partition("## A stand-in exchange")[2]
    assert [] == [field.name for field in fields(Faults) if f"`{field.name}`" not in section]
