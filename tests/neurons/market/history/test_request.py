"""What a person may write to ask for a download, and the sentence they get for what they may not."""

from __future__ import annotations

import pytest

from neurons.market.history.request import instant_ms, request_of, series_in
from protocol.errors import InvalidSetting

NOW_MS = instant_ms("2025-06-01T12:03:20")
WRITTEN = {"since": "2025-01-01", "until": None, "step": "5m", "venues": None, "base_urls": (), "now_ms": NOW_MS}


def test_a_known_series_brings_its_venues_and_goes_up_to_what_is_final_by_now():
    request = request_of("BTC-USD", **WRITTEN)

    assert ["binance", "bybit", "coinbase", "kraken", "okx"] == [one.origin.venue for one in request.venues]
    assert ["BTC/USDT", "BTC/USDT", "BTC/USD", "BTC/USD", "BTC/USDT"] == [one.origin.symbol for one in request.venues]
    assert (instant_ms("2025-01-01"), instant_ms("2025-06-01T11:55")) == (request.from_ms, request.until_ms)


def test_an_end_in_the_future_means_now():
    assert instant_ms("2025-06-01T11:55") == request_of("BTC-USD", **WRITTEN | {"until": "2030-01-01"}).until_ms


def test_venues_are_chosen_by_name_or_given_with_their_market_and_may_be_asked_elsewhere():
    request = request_of(
        "BTC-USD", **WRITTEN | {"venues": "kraken,kucoin=BTC/USDT", "base_urls": ["kraken=http://127.0.0.1:1"]}
    )

    assert [("kraken", "BTC/USD", "stand-in"), ("kucoin", "BTC/USDT", "exchange")] == [
        (one.origin.exchange, one.origin.symbol, one.origin.source) for one in request.venues
    ]
    assert ["http://127.0.0.1:1", None] == [one.base_url for one in request.venues]


@pytest.mark.parametrize(
    ("series", "change", "sentence"),
    [
        ("BTC-USD", {"since": None}, "needs --from"),
        ("BTC-USD", {"since": "soon"}, "'soon' is no date"),
        ("BTC-USD", {"since": "2025-01-01T00:01"}, "--from is not on the grid of 5m"),
        ("BTC-USD", {"until": "2025-01-03T00:01"}, "--to is not on the grid of 5m"),
        ("BTC-USD", {"since": "2026-01-01"}, "--from must lie before --to and before now"),
        ("BTC-USD", {"since": "0202-01-01"}, "not before 2009"),
        ("BTC-USD", {"step": "2m"}, "no step is called '2m'; there are 1m, 5m"),
        ("ETH-USD", {}, "no venues are known for ETH-USD"),
        ("BTC-USD", {"venues": "kucoin"}, "which market of 'kucoin' is BTC-USD"),
        ("BTC-USD", {"venues": "okx,okx"}, "names one twice"),
        ("BTC-USD", {"venues": "OKX=BTC/USDT"}, "is not EXCHANGE=BASE/QUOTE"),
        ("BTC-USD", {"venues": ""}, "which market of ''"),
        ("BTC-USD", {"base_urls": ["http://127.0.0.1:1"]}, "is not VENUE=URL"),
        ("BTC-USD", {"base_urls": ["okx=127.0.0.1:1"]}, "is not VENUE=URL"),
        ("BTC-USD", {"base_urls": ["kucoin=http://127.0.0.1:1"]}, "is not VENUE=URL"),
    ],
)
def test_what_does_not_fit_is_one_sentence(series, change, sentence):
    with pytest.raises(InvalidSetting, match=sentence):
        request_of(series, **WRITTEN | change)


def test_a_nodes_settings_add_series(tmp_path):
    settings = tmp_path / "validator.toml"
    settings.write_text(
        'admit = "open"\n[[series]]\nname = "ETH-USD"\n'
        'venues = [{exchange = "okx", symbol = "ETH/USDT", name = "here"}]\n'
    )
    request = request_of("ETH-USD", **WRITTEN, known=series_in(settings))
    assert [("here", "okx", "ETH/USDT")] == [
        (v.origin.venue, v.origin.exchange, v.origin.symbol) for v in request.venues
    ]

    settings.write_text('[[series]]\nname = "ETH-USD"\nvenues = [{exchange = "okx"}]\n')
    with pytest.raises(InvalidSetting, match=r"series\.0\.venues\.0\.symbol: Field required"):
        series_in(settings)


def test_an_exchange_that_nobody_knows_is_refused_when_it_is_opened():
    (asked,) = request_of("BTC-USD", **WRITTEN | {"venues": "nowhere=BTC/USDT"}).venues
    with pytest.raises(InvalidSetting, match="no exchange named 'nowhere'"):
        asked.open()
