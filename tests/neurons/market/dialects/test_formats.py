"""Our bodies beside recorded traffic and format samples of the same exchanges: names, types, order and framing.

Prices of samples mean nothing and are never compared.
"""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from neurons.market.dialects.known import DIALECTS
from neurons.market.dialects.speech import Line
from protocol.units import SECOND_MS
from tests.support.recordings import recordings_or_skip
from tests.support.stand_in import NOW_MS, RUNNING_MS, STEP_MS, ask, shelf_at

pytestmark = pytest.mark.recordings

SAMPLES = "api/format_samples/nautilus_trader"
SINCE_S = (RUNNING_MS - 20 * STEP_MS) // SECOND_MS


def recorded(name: str) -> Any:
    """A recorded or sampled body. Skips where there are no recordings."""
    path = recordings_or_skip() / name
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return json.loads(raw)


def shape_of(value: Any) -> Any:
    """Names and kinds, with lists by their first entry; a text that is a number is one, and so are all integers."""
    if isinstance(value, dict):
        return {name: shape_of(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape_of(value[0])] if value else []
    if isinstance(value, str):
        return "number in text" if re.fullmatch(r"-?\d+(\.\d+)?", value) else "text"
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def row_shape(row: list[Any]) -> list[Any]:
    return [shape_of(field) for field in row]


def answered(dialect: str, path: str, **params: object) -> Any:
    return json.loads(DIALECTS[dialect].answer(ask(path, **params), shelf_at(dialect)).text)


def pushed(dialect: str, path: str, topic: str, *, candles: int = 1, is_first: bool = False) -> Any:
    stream = DIALECTS[dialect].stream
    assert stream is not None
    shelf = shelf_at(dialect)
    return json.loads(stream.say(topic, shelf.last(NOW_MS, candles), Line(path), shelf, is_first))


def heard(dialect: str, path: str, message: object) -> list[Any]:
    stream = DIALECTS[dialect].stream
    assert stream is not None
    return [json.loads(text) for text in stream.hear(json.dumps(message), Line(path), shelf_at(dialect)).replies]


def test_binance_klines_and_server_time_have_the_recorded_fields():
    ours = answered("binance", "/api/v3/klines", symbol="BTCUSDT", interval="5m", limit=2)
    theirs = recorded(f"{SAMPLES}/binance/spot/http_json/klines_response.json")
    assert row_shape(theirs[0]) == row_shape(ours[0])
    time = recorded(f"{SAMPLES}/binance/spot/http_json/server_time_response.json")
    assert shape_of(time) == shape_of(answered("binance", "/api/v3/time"))


def test_binance_lists_its_market_with_names_that_the_exchange_uses():
    theirs = recorded(f"{SAMPLES}/binance/spot/http_json/exchange_info_response.json")
    ours = answered("binance", "/api/v3/exchangeInfo")
    assert set() == set(ours) - set(theirs)
    assert set() == set(ours["symbols"][0]) - set(theirs["symbols"][0])


def test_binance_streams_klines_as_in_recorded_traffic():
    path = recordings_or_skip() / "api/recorded/cryptofeed/BINANCE.ws.1.0.gz"
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    theirs = next(json.loads(line.split(": ", 1)[1]) for line in lines if '"e":"kline"' in line)
    ours = pushed("binance", "/stream", "btcusdt@kline_5m")
    assert shape_of(theirs) == shape_of(ours)
    assert list(theirs["data"]["k"]) == list(ours["data"]["k"])
    assert theirs["data"]["k"]["T"] - theirs["data"]["k"]["t"] + 1 == 60_000
    assert ours["data"]["k"]["T"] - ours["data"]["k"]["t"] + 1 == STEP_MS


def test_bybit_pages_and_instruments_are_framed_as_the_exchange_s():
    theirs = recorded(f"{SAMPLES}/bybit/http_get_klines_linear.json")
    ours = answered("bybit", "/v5/market/kline", category="spot", symbol="BTCUSDT", interval=5, limit=2)
    assert shape_of(theirs) | {"result": 0} == shape_of(ours) | {"result": 0}
    assert set(theirs["result"]) == set(ours["result"])
    assert row_shape(theirs["result"]["list"][0]) == row_shape(ours["result"]["list"][0])
    listed = recorded(f"{SAMPLES}/bybit/http_get_instruments_spot.json")
    own = answered("bybit", "/v5/market/instruments-info", category="spot")
    assert shape_of(listed["result"]["list"][0]) == shape_of(own["result"]["list"][0])


def test_bybit_streams_and_acknowledges_as_the_exchange_does():
    theirs = recorded(f"{SAMPLES}/bybit/ws_kline.json")
    assert shape_of(theirs) == shape_of(pushed("bybit", "/v5/public/spot", "kline.5.BTCUSDT"))
    asked_for = {"op": "subscribe", "args": ["kline.5.BTCUSDT"], "req_id": "sub-1"}
    [ours] = heard("bybit", "/v5/public/spot", asked_for)
    assert shape_of(recorded(f"{SAMPLES}/bybit/ws_subscription_ack.json")) == shape_of(ours)
    [refused] = heard("bybit", "/v5/public/spot", {"op": "subscribe", "args": ["invalid.topic"]})
    assert shape_of(recorded(f"{SAMPLES}/bybit/ws_subscription_failure.json")) == shape_of(refused)


def test_okx_pages_time_and_instruments_are_framed_as_the_exchange_s():
    theirs = recorded(f"{SAMPLES}/okx/http_get_candlesticks_full.json")
    ours = answered("okx", "/api/v5/market/candles", instId="BTC-USDT", bar="5m", limit=3)
    assert set(theirs) == set(ours)
    assert row_shape(theirs["data"][0]) == row_shape(ours["data"][0])
    # Newest first: recorded so, and ours.
    for data in (theirs["data"], ours["data"]):
        assert sorted((row[0] for row in data), reverse=True) == [row[0] for row in data]
    listed = recorded(f"{SAMPLES}/okx/http_get_instruments_spot.json")
    own = answered("okx", "/api/v5/public/instruments", instType="SPOT")
    assert shape_of(listed["data"][0]) == shape_of(own["data"][0])


def test_okx_streams_as_the_exchange_does():
    theirs = recorded(f"{SAMPLES}/okx/ws_candle.json")
    ours = pushed("okx", "/ws/v5/business", "candle5m")
    assert shape_of(theirs["arg"]) == shape_of(ours["arg"])
    assert row_shape(theirs["data"][0]) == row_shape(ours["data"][0])


def test_kraken_pages_are_as_long_and_as_framed_as_a_whole_recorded_body():
    theirs = recorded("api/recorded/nautilus_trader/kraken/http_ohlc.json")
    ours = answered("kraken", "/0/public/OHLC", pair="XXBTZUSD", interval=5)
    [(pair, rows)] = [(name, value) for name, value in theirs["result"].items() if name != "last"]
    assert ("XBTUSDT", 721) == (pair, len(rows))
    assert (["XXBTZUSD", "last"], 721) == (list(ours["result"]), len(ours["result"]["XXBTZUSD"]))
    assert row_shape(rows[-2]) == row_shape(ours["result"]["XXBTZUSD"][-2])
    for result, name in ((theirs["result"], pair), (ours["result"], "XXBTZUSD")):
        assert result[name][-2][0] == result["last"]
        assert sorted(row[0] for row in result[name]) == [row[0] for row in result[name]]


def test_kraken_names_pairs_and_tells_the_time_as_recorded():
    older = recorded("api/recorded/xchange/kraken/example-ohlc-data.json.gz")
    assert ["XXBTZUSD", "last"] == list(older["result"])
    theirs = recorded(f"{SAMPLES}/kraken/http_asset_pairs.json")["result"]["XBTUSDT"]
    ours = answered("kraken", "/0/public/AssetPairs")["result"]["XXBTZUSD"]
    assert set() == set(ours) - set(theirs)
    assert {name: shape_of(theirs[name]) for name in ours if not name.startswith("leverage")} == {
        name: shape_of(value) for name, value in ours.items() if not name.startswith("leverage")
    }
    time = recorded(f"{SAMPLES}/kraken/http_server_time.json")
    assert shape_of(time) == shape_of(answered("kraken", "/0/public/Time"))
    assert len(time["result"]["rfc1123"]) == len(answered("kraken", "/0/public/Time")["result"]["rfc1123"])


def test_kraken_streams_version_2_as_sampled():
    theirs = recorded(f"{SAMPLES}/kraken/ws_ohlc_update.json")
    ours = pushed("kraken", "/v2", "BTC/USD")
    assert set() == set(theirs) - set(ours)
    assert set() == set(theirs["data"][0]) - set(ours["data"][0])
    assert len(theirs["data"][0]["interval_begin"]) == len(ours["data"][0]["interval_begin"])
    pong = recorded(f"{SAMPLES}/kraken/ws_pong.json")
    assert [shape_of(pong)] == [shape_of(one) for one in heard("kraken", "/v2", {"method": "ping", "req_id": 42})]
    wanted = {"channel": "ohlc", "symbol": ["BTC/USD"], "interval": 5}
    [ours] = heard("kraken", "/v2", {"method": "subscribe", "params": wanted, "req_id": 1})
    assert set(recorded(f"{SAMPLES}/kraken/ws_subscribe_response.json")) == set(ours)


def test_coinbase_pages_products_and_streams_as_sampled():
    path = "/api/v3/brokerage/market/products"
    theirs = recorded(f"{SAMPLES}/coinbase/http_candles.json")
    bounds = {"start": SINCE_S, "end": SINCE_S + 3_000, "granularity": "FIVE_MINUTE"}
    assert shape_of(theirs) == shape_of(answered("coinbase", f"{path}/BTC-USD/candles", **bounds))
    product = recorded(f"{SAMPLES}/coinbase/http_product.json")
    assert set() == set(answered("coinbase", f"{path}/BTC-USD")) - set(product)
    ours = pushed("coinbase", "/", "BTC-USD", candles=3)
    assert shape_of(recorded(f"{SAMPLES}/coinbase/ws_candles.json")) == shape_of(ours)
    wanted = {"type": "subscribe", "product_ids": ["BTC-USD"], "channel": "candles"}
    [answer] = heard("coinbase", "/", wanted)
    assert set(recorded(f"{SAMPLES}/coinbase/ws_subscriptions.json")) == set(answer)


def test_coinbase_exchange_pages_and_products_are_as_recorded():
    theirs = recorded("api/recorded/xchange/coinbasepro/example-historical-candles.json")
    ours = answered("coinbaseexchange", "/products/BTC-USD/candles", granularity=300)
    assert row_shape(theirs[0]) == row_shape(ours[0])
    for rows in (theirs, ours):
        assert sorted((row[0] for row in rows), reverse=True) == [row[0] for row in rows]
        for _, low, high, opened, close, _ in rows:
            assert low <= min(opened, close) <= max(opened, close) <= high
    path = recordings_or_skip() / "api/recorded/cryptofeed/COINBASE.0.gz"
    products = json.loads(gzip.decompress(path.read_bytes()).decode().splitlines()[0].split(": ", 1)[1])
    listed = answered("coinbaseexchange", "/products")[0]
    assert set() == set(listed) - set(products[0])


def test_what_other_fixtures_call_the_same_messages_agrees():
    folder = recordings_or_skip() / "api/format_samples/jkorf"
    spot = (folder / "binance/Subscriptions/Spot/ExchangeData/Klines.txt").read_text()
    assert {"stream", "data"} == set(pushed("binance", "/stream", "btcusdt@kline_5m"))
    assert '"stream"' in spot
    assert _names(folder / "okx/Endpoints/UnifiedApi/ExchangeData/GetServerTime.txt") == {"code", "msg", "data", "ts"}
    assert set(answered("okx", "/api/v5/public/time")) | {"ts"} == {"code", "msg", "data", "ts"}


def _names(path: Path) -> set[str]:
    return set(re.findall(r'"(\w+)"\s*:', path.read_text()))
