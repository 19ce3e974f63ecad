"""What each exchange says no to, in its own words, and how each stream answers what it does not understand."""

from __future__ import annotations

import json

import pytest

from neurons.market.dialects.known import DIALECTS
from neurons.market.dialects.speech import Ask, Line, Refusal
from protocol.units import SECOND_MS
from tests.support.stand_in import NOW_MS, STEP_MS, SYMBOLS, shelf_at

NOW_S = NOW_MS // SECOND_MS
CANDLES = "/api/v3/brokerage/market/products/BTC-USD/candles"
NO_PRODUCT = "/api/v3/brokerage/market/products/NO-USD/candles"


@pytest.mark.parametrize(
    ("dialect", "path", "params", "status", "said"),
    [
        ("binance", "/api/v3/klines", {"symbol": "ETHUSDT", "interval": "5m"}, 400, '"code":-1121'),
        ("binance", "/api/v3/klines", {"symbol": "BTCUSDT", "interval": "7m"}, 400, '"code":-1120'),
        ("binance", "/nowhere", {}, 404, "404"),
        ("bybit", "/v5/market/kline", {"category": "spot", "symbol": "NO", "interval": "5"}, 200, '"retCode":10001'),
        (
            "bybit",
            "/v5/market/kline",
            {"category": "spot", "symbol": "BTCUSDT", "interval": "7"},
            200,
            "Invalid period!",
        ),
        ("bybit", "/v5/market/kline", {"symbol": "BTCUSDT", "interval": "5"}, 200, "Not supported symbols"),
        (
            "bybit",
            "/v5/market/kline",
            {"category": "spot", "symbol": "BTCUSDT", "interval": "5", "limit": "-1"},
            200,
            "limit invalid",
        ),
        (
            "bybit",
            "/v5/market/kline",
            {"category": "spot", "symbol": "BTCUSDT", "interval": "5", "start": "9", "end": "8"},
            200,
            "startTime is greater",
        ),
        ("bybit", "/v5/market/instruments-info", {"category": "cake"}, 200, "Category is invalid"),
        ("bybit", "/v5/nowhere", {}, 404, "404"),
        ("okx", "/api/v5/market/candles", {"bar": "5m"}, 400, '"code":"50014"'),
        ("okx", "/api/v5/market/candles", {"instId": "NO-USDT", "bar": "5m"}, 200, '"code":"51001"'),
        ("okx", "/api/v5/market/candles", {"instId": "BTC-USDT"}, 400, "Parameter bar error"),
        ("okx", "/api/v5/market/candles", {"instId": "BTC-USDT", "bar": "5m", "after": "x"}, 400, "after error"),
        ("okx", "/api/v5/public/instruments", {"instType": "CAKE"}, 400, "instType error"),
        ("okx", "/nowhere", {}, 404, "not found"),
        ("kraken", "/0/public/OHLC", {"interval": "5"}, 200, "EGeneral:Invalid arguments"),
        ("kraken", "/0/public/OHLC", {"pair": "NOUSD", "interval": "5"}, 200, "EQuery:Unknown asset pair"),
        ("kraken", "/0/public/OHLC", {"pair": "XBTUSD"}, 200, "EGeneral:Invalid arguments"),
        ("kraken", "/0/public/OHLC", {"pair": "XBTUSD", "interval": "5", "since": "-1"}, 200, "Invalid arguments"),
        ("kraken", "/0/public/AssetPairs", {"pair": "NOUSD"}, 200, "EQuery:Unknown asset pair"),
        ("kraken", "/0/public/Nowhere", {}, 200, "EGeneral:Unknown method"),
        ("coinbase", NO_PRODUCT, {}, 404, '"error":"NOT_FOUND"'),
        ("coinbase", CANDLES, {"start": "1", "end": "2", "granularity": "300"}, 400, "granularity"),
        ("coinbase", CANDLES, {"granularity": "FIVE_MINUTE"}, 400, "start and end argument is invalid"),
        ("coinbase", CANDLES, {"start": "0", "end": str(NOW_S), "granularity": "FIVE_MINUTE"}, 400, "less than 350"),
        ("coinbase", CANDLES, {"start": "2", "end": "1", "granularity": "FIVE_MINUTE"}, 400, "start must be before"),
        ("coinbase", "/nowhere", {}, 404, "NOT_FOUND"),
        ("coinbaseexchange", "/products/NO-USD/candles", {}, 404, "NotFound"),
        ("coinbaseexchange", "/products/BTC-USD/candles", {"granularity": "301"}, 400, "Unsupported granularity"),
        ("coinbaseexchange", "/products/BTC-USD/candles", {"granularity": "300", "start": "x"}, 400, "Invalid start"),
        ("coinbaseexchange", "/products/BTC-USD/candles", {"granularity": "300", "start": "9"}, 400, "exceeds 300"),
    ],
)
def test_a_wrong_question_gets_the_exchange_s_own_no(dialect, path, params, status, said):
    with pytest.raises(Refusal) as refused:
        DIALECTS[dialect].answer(Ask(path, params), shelf_at(dialect))
    assert status == refused.value.reply.status
    assert said in refused.value.reply.text


@pytest.mark.parametrize("dialect", sorted(SYMBOLS))
@pytest.mark.parametrize("status", [403, 404, 418, 429, 451, 500, 502, 503])
def test_every_status_of_trouble_has_a_body_that_is_json_or_a_page(dialect, status):
    body = DIALECTS[dialect].trouble(status)
    assert body.startswith("<html>") or isinstance(json.loads(body), dict)


STREAM_PATHS = {
    "binance": "/ws",
    "bybit": "/v5/public/spot",
    "coinbase": "/",
    "kraken": "/v2",
    "okx": "/ws/v5/business",
}
SUBSCRIBE = {
    "binance": {"method": "SUBSCRIBE", "params": ["btcusdt@kline_5m"], "id": 1},
    "bybit": {"op": "subscribe", "args": ["kline.5.BTCUSDT"]},
    "coinbase": {"type": "subscribe", "channel": "candles", "product_ids": ["BTC-USD"]},
    "kraken": {"method": "subscribe", "params": {"channel": "ohlc", "symbol": ["BTC/USD"], "interval": 5}},
    "okx": {"op": "subscribe", "args": [{"channel": "candle5m", "instId": "BTC-USDT"}]},
}


def hear(dialect: str, text: str, *, topics: frozenset[str] = frozenset(), path: str = ""):
    stream = DIALECTS[dialect].stream
    assert stream is not None
    return stream.hear(text, Line(path or STREAM_PATHS[dialect], topics), shelf_at(dialect))


@pytest.mark.parametrize("dialect", sorted(STREAM_PATHS))
@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", "null", "{}", '{"op":7}', '{"method":[]}', "[" * 20_000, '{"op":"subscribe","args":[7]}'],
)
def test_nonsense_on_a_stream_has_one_answer_and_begins_nothing(dialect, text):
    heard = hear(dialect, text)
    assert () == heard.begun
    assert len(heard.replies) <= 1


@pytest.mark.parametrize("dialect", sorted(STREAM_PATHS))
def test_a_topic_is_begun_and_ended_by_the_exchange_s_own_words(dialect):
    begin = SUBSCRIBE[dialect]
    begun = hear(dialect, json.dumps(begin)).begun
    assert 1 == len(begun)
    end = json.loads(json.dumps(begin).replace("subscribe", "unsubscribe").replace("SUBSCRIBE", "UNSUBSCRIBE"))
    assert begun == hear(dialect, json.dumps(end), topics=frozenset(begun)).ended


@pytest.mark.parametrize(
    ("dialect", "wrong", "said"),
    [
        ("bybit", {"op": "subscribe", "args": ["kline.5.NOUSDT"]}, "handler not found"),
        ("okx", {"op": "subscribe", "args": [{"channel": "candle5m", "instId": "NO-USDT"}]}, "60018"),
        ("okx", {"op": "subscribe", "args": [{"channel": "candle1m", "instId": "BTC-USDT"}]}, "60018"),
        ("kraken", SUBSCRIBE["kraken"] | {"params": SUBSCRIBE["kraken"]["params"] | {"interval": 7}}, "interval not"),
        ("kraken", SUBSCRIBE["kraken"] | {"params": SUBSCRIBE["kraken"]["params"] | {"symbol": ["A/B"]}}, "not supp"),
        ("kraken", SUBSCRIBE["kraken"] | {"params": {"channel": "cake", "symbol": ["BTC/USD"]}}, "channel cake"),
        ("coinbase", SUBSCRIBE["coinbase"] | {"product_ids": ["NO-USD"]}, "product_ids"),
        ("coinbase", SUBSCRIBE["coinbase"] | {"channel": "cake"}, "channel"),
    ],
)
def test_a_topic_that_there_is_not_is_refused(dialect, wrong, said):
    heard = hear(dialect, json.dumps(wrong))
    assert () == heard.begun
    assert said in heard.replies[0]


def test_binance_takes_any_topic_and_begins_only_its_own():
    heard = hear("binance", '{"method":"SUBSCRIBE","params":["nousdt@kline_5m"],"id":4}')
    assert (('{"result":null,"id":4}',), ()) == (heard.replies, heard.begun)
    listed = hear("binance", '{"method":"LIST_SUBSCRIPTIONS","id":5}', topics=frozenset({"btcusdt@kline_5m"}))
    assert ('{"result":["btcusdt@kline_5m"],"id":5}',) == listed.replies


@pytest.mark.parametrize("path", ["/ws/btcusdt@kline_5m", "/stream?streams=no@trade/btcusdt@kline_5m"])
def test_binance_begins_topics_that_its_url_names(path):
    stream = DIALECTS["binance"].stream
    assert stream is not None
    bare, _, named = path.partition("?streams=")
    opening = stream.opens(Ask(bare, {"streams": named} if named else {}), shelf_at("binance"))
    assert opening is not None
    assert ("btcusdt@kline_5m",) == opening.begun


def test_okx_has_candles_on_its_business_stream_alone():
    heard = hear("okx", json.dumps(SUBSCRIBE["okx"]), path="/ws/v5/public")
    assert () == heard.begun
    assert "60018" in heard.replies[0]
    assert ("pong",) == hear("okx", "ping").replies


def test_okx_keeps_recent_candles_apart_from_history():
    old = {"instId": "BTC-USDT", "bar": "5m", "after": str(NOW_MS - 1_450 * STEP_MS)}
    recent = json.loads(DIALECTS["okx"].answer(Ask("/api/v5/market/candles", old), shelf_at("okx")).text)
    history = json.loads(DIALECTS["okx"].answer(Ask("/api/v5/market/history-candles", old), shelf_at("okx")).text)
    assert [] == recent["data"]
    assert 51 == len(history["data"])


def test_bybit_counts_the_candle_that_holds_the_start():
    at = {"category": "spot", "symbol": "BTCUSDT", "interval": "5", "limit": "1"}
    opened = NOW_MS // STEP_MS * STEP_MS - 10 * STEP_MS
    reply = DIALECTS["bybit"].answer(Ask("/v5/market/kline", at | {"start": str(opened + 1)}), shelf_at("bybit"))
    assert str(opened) == json.loads(reply.text)["result"]["list"][0][0]
