"""The settings of a series: what can be said of it, what cannot, and which sentence says so."""

from __future__ import annotations

import json
import re

import pytest

from neurons.assembly import venues_of
from neurons.clock import SystemClock
from neurons.config import parse
from neurons.settings import SeriesSettings, ValidatorSettings
from protocol.errors import InvalidSetting
from protocol.params import MAIN


def series(**more):
    return {"name": "BTC-USD", "venues": [{"exchange": "kraken", "symbol": "BTC/USD"}], **more}


def venue(symbol, **more):
    return {"exchange": "binance", "symbol": symbol, **more}


RATE = {"name": "USDT-USD", "rounds": False, "venues": [{"exchange": "kraken", "symbol": "USDT/USD"}]}


def with_series(*several):
    given = {"AUGURY_SERIES": json.dumps(several)} if several else {}
    return parse(ValidatorSettings, ("--admit", "open"), command="augury validator", environment=given).series


def test_a_series_is_five_venues_of_bitcoin_unless_set():
    [default] = with_series()

    assert ["binance", "bybit", "coinbase", "kraken", "okx"] == [one.label for one in default.venues]
    assert ("USD", 300_000, "24/7", True) == (
        default.quote_currency, default.step_ms, default.calendar, default.rounds
    )  # fmt: skip
    assert all(one.stream for one in default.venues)


@pytest.mark.parametrize("address", ["http://me:hunter2@:port", "https://me:hunter2@[::1", "http://me:hunter2@h:70000"])
def test_an_address_without_a_host_or_port_is_refused_without_being_repeated(address):
    with pytest.raises(InvalidSetting) as caught:
        with_series(series(venues=[venue("BTC/USD", base_url=address)]))
    assert "venues.0.base_url: an address is http://HOST:PORT" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_venue_in_another_currency_is_converted_by_a_series_that_is_set():
    bitcoin, rate = with_series(series(venues=[venue("BTC/USDT", via="USDT-USD"), venue("BTC/USD", name="us")]), RATE)

    assert ({"binance": "USDT-USD"}, {}) == (bitcoin.conversions, rate.conversions)


@pytest.mark.parametrize("symbol", ["BTC/USDT", "BTC/USDT:USDT"])
def test_a_venue_in_another_currency_may_go_unconverted(symbol):
    [bitcoin] = with_series(series(venues=[venue(symbol)]))

    assert ("USDT", {}) == (bitcoin.venues[0].quote, bitcoin.conversions)


@pytest.mark.parametrize(
    ("several", "said"),
    [
        ([series(quote="EUR")], "BTC-USD is quoted in USD by its name, not in EUR"),
        ([series(venues=[venue("ETH/USDT")])], "is no venue of BTC-USD: its market must be in BTC"),
        ([series(venues=[venue("BTCUSDT")])], "names no quote currency: write it BASE/QUOTE"),
        ([series(venues=[venue("BTC/USD", via="USDT-USD")]), RATE], "it needs no `via`"),
        ([series(venues=[venue("BTC/EUR", via="USDT-USD")]), RATE], "to convert EUR into USD: EUR-USD, not USDT-USD"),
        ([series(venues=[venue("BTC/USDT", via="USDT-USD")])], "and no series of that name is set"),
        ([series(), series()], "a series is listed twice: BTC-USD, BTC-USD"),
        (
            [series(venues=[venue("BTC/USDT", via="USDT-USD")]), {**RATE, "step": "15m"}],
            "BTC-USD has closes every 5m, USDT-USD only every 15m",
        ),
        (
            [series(venues=[venue("BTC/USDT", via="USDT-USD")]), {**RATE, "calendar": "fx"}],
            "USDT-USD trades by the calendar fx, BTC-USD by 24/7",
        ),
        (
            [
                {**RATE, "venues": [venue("USDT/USDC", via="USDC-USD")]},
                {**RATE, "name": "USDC-USD", "venues": [venue("USDC/USDT", via="USDT-USD")]},
            ],
            "USDT-USD is converted via itself",
        ),
        ([series(step="7m")], "'1m', '5m'"),
        ([series(calendar="moon")], "'24/7', 'fx' or 'XNYS'"),
    ],
)
def test_what_a_series_cannot_be_is_said_in_a_sentence(several, said):
    with pytest.raises(InvalidSetting, match=re.escape(said)):
        with_series(*several)


def test_rounds_are_asked_on_the_networks_grid_only():
    hourly = series(step="1h")

    with pytest.raises(InvalidSetting, match="rounds are asked on the network's grid of 5 min, not on 1h"):
        venues_of(SeriesSettings.model_validate(hourly), SystemClock(), MAIN)
    watched = SeriesSettings.model_validate({**hourly, "rounds": False})
    assert ["kraken"] == [one.name for one in venues_of(watched, SystemClock(), MAIN)]
