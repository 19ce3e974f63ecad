"""The stand-in exchange over HTTP: Binance's formats to the letter, its clock, its faults, and who may set them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest

from neurons.clock import HandClock
from neurons.market.candles import text_of_price
from neurons.market.faults import Faults
from neurons.market.generated import GeneratedMarket, GeneratedSource, MarketShape
from neurons.market.server import PriceServer
from protocol.errors import InvalidSetting
from protocol.units import MINUTE_MS

STEP_MS = 5 * MINUTE_MS
START_MS = 1_750_000_200_000
NOW_MS = START_MS + 1_500 * STEP_MS + 60_000

Get = Callable[[str], Awaitable[tuple[int, Any]]]


def source() -> GeneratedSource:
    return GeneratedMarket(MarketShape(seed=5, origin_ms=START_MS)).sources()[0]


def served(check: Callable[[Get, PriceServer], Awaitable[None]], **settings: Any) -> None:
    """Runs a check against a server whose clock stands a minute into candle 1500."""

    async def main() -> None:
        server = PriceServer(source(), HandClock(NOW_MS), **settings)
        async with server, aiohttp.ClientSession() as session:

            async def get(path: str) -> tuple[int, Any]:
                async with session.get(server.url + path) as response:
                    return response.status, json.loads(await response.text())

            await check(get, server)

    asyncio.run(main())


def klines(query: str) -> str:
    return f"/api/v3/klines?symbol=BTCUSDT&interval=5m{query}"


def test_a_finished_candle_has_the_twelve_fields_of_the_exchange():
    async def check(get: Get, _: PriceServer) -> None:
        status, rows = await get(klines(f"&startTime={START_MS + 7 * STEP_MS}&limit=1"))
        candle = source().candles(START_MS, NOW_MS).candles()[7]
        prices = [text_of_price(p) for p in (candle.open_e8, candle.high_e8, candle.low_e8, candle.close_e8)]
        volume = f"{candle.volume:.8f}"
        assert 200 == status
        assert [candle.open_time_ms, *prices, volume, candle.open_time_ms + STEP_MS - 1] == rows[0][:7]
        assert [0, "0.00000000", "0.00000000", "0"] == rows[0][8:]
        assert [12] == [len(row) for row in rows]

    served(check)


def test_the_running_candle_comes_last_and_tells_nothing_of_its_future():
    async def check(get: Get, _: PriceServer) -> None:
        _, rows = await get(klines("&limit=2"))
        opened = text_of_price(source().candles(START_MS, NOW_MS).candles()[-1].open_e8)
        assert START_MS + 1_500 * STEP_MS == rows[-1][0]
        assert [opened] * 4 + ["0.00000000"] == rows[-1][1:6]

    served(check)


@pytest.mark.parametrize(
    ("query", "first", "last", "count"),
    [
        ("", None, NOW_MS, 500),
        ("&limit=3", None, NOW_MS, 3),
        ("&limit=5000", None, NOW_MS, 1_000),
        (f"&startTime={START_MS}&limit=4", START_MS, None, 4),
        (f"&startTime={START_MS + 1}&limit=4", START_MS + STEP_MS, None, 4),
        (f"&endTime={START_MS + 900 * STEP_MS}&limit=4", None, START_MS + 900 * STEP_MS, 4),
        (f"&startTime={START_MS}&endTime={START_MS + 2 * STEP_MS}", START_MS, START_MS + 2 * STEP_MS, 3),
        (f"&startTime={NOW_MS + STEP_MS}", None, None, 0),
        (f"&endTime={START_MS - 1}", None, None, 0),
    ],
)
def test_bounds_and_limits_select_as_the_exchange_does(query, first, last, count):
    async def check(get: Get, _: PriceServer) -> None:
        _, rows = await get(klines(query))
        assert count == len(rows)
        assert sorted(row[0] for row in rows) == [row[0] for row in rows]
        if first is not None:
            assert first == rows[0][0]
        if last is not None:
            assert last // STEP_MS * STEP_MS == rows[-1][0]

    served(check)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/v3/klines", -1102),
        ("/api/v3/klines?symbol=BTCUSDT", -1102),
        ("/api/v3/klines?symbol=&interval=5m", -1102),
        ("/api/v3/klines?symbol=ETHUSDT&interval=5m", -1121),
        ("/api/v3/klines?symbol=btcusdt&interval=5m", -1100),
        ("/api/v3/klines?symbol=BTCUSDT&interval=7m", -1120),
        ("/api/v3/klines?symbol=BTCUSDT&interval=1h", -1120),
        (klines("&limit=x"), -1100),
        (klines("&limit=-1"), -1100),
        (klines("&limit=0"), -1130),
        (klines("&startTime=9&endTime=8"), -1127),
        ("/api/v3/exchangeInfo?symbol=ETHUSDT", -1121),
    ],
)
def test_a_bad_question_gets_the_exchange_s_own_code(path, code):
    async def check(get: Get, _: PriceServer) -> None:
        status, body = await get(path)
        assert 400 == status
        assert code == body["code"]
        assert {"code", "msg"} == set(body)

    served(check)


def test_time_and_ping_answer_as_the_exchange_does():
    async def check(get: Get, _: PriceServer) -> None:
        assert (200, {"serverTime": NOW_MS}) == await get("/api/v3/time")
        assert (200, {}) == await get("/api/v3/ping")

    served(check)


def test_faults_are_set_over_http_only_where_that_is_allowed():
    async def put(server: PriceServer, body: str) -> int:
        async with aiohttp.ClientSession() as session, session.put(server.url + "/control/faults", data=body) as answer:
            return answer.status

    async def allowed(_: Get, server: PriceServer) -> None:
        assert 200 == await put(server, '{"hang": true, "lie_bp": 30}')
        assert Faults(hang=True, lie_bp=30) == server.faults
        assert 200 == await put(server, "{}")
        assert Faults() == server.faults
        for nonsense in ('{"hangs": true}', '{"hang": 1}', "[]", "{"):
            assert 400 == await put(server, nonsense)

    async def refused(_: Get, server: PriceServer) -> None:
        assert 404 == await put(server, '{"hang": true}')

    served(allowed, controllable=True)
    served(refused)


def test_one_side_can_be_spoiled_without_the_other():
    async def check(_: Get, server: PriceServer) -> None:
        async with aiohttp.ClientSession() as session:
            for side, body in (("rest", '{"lie_bp": 1}'), ("stream", '{"lie_bp": 2}')):
                async with session.put(f"{server.url}/control/faults/{side}", data=body) as answer:
                    assert 200 == answer.status
        assert (Faults(lie_bp=1), Faults(lie_bp=2)) == (server.rest_faults, server.stream_faults)

    served(check, controllable=True)


@pytest.mark.parametrize("path", ["/api/v3/time", "/api/v3/klines", "/nowhere"])
def test_every_reply_is_dated_by_the_venue_s_own_clock(path):
    async def check(_: Get, server: PriceServer) -> None:
        async with aiohttp.ClientSession() as session:
            for shift_ms in (0, 600_000, -600_000):
                server.faults = Faults(clock_shift_ms=shift_ms)
                async with session.get(server.url + path) as answer:
                    dated = parsedate_to_datetime(answer.headers["Date"]).timestamp()
                    assert (NOW_MS + shift_ms) // 1_000 == dated

    served(check)


def test_a_shifted_clock_shows_in_the_server_s_time_and_a_rewound_market_does_not():
    async def check(get: Get, server: PriceServer) -> None:
        server.faults = Faults(clock_shift_ms=90_000)
        assert (200, {"serverTime": NOW_MS + 90_000}) == await get("/api/v3/time")
        server.faults = Faults(rewind_ms=90_000)
        assert (200, {"serverTime": NOW_MS}) == await get("/api/v3/time")

    served(check)


@pytest.mark.parametrize(
    ("dialect", "status", "said"),
    [
        ("binance", 429, "-1003"),
        ("binance", 418, "banned"),
        ("binance", 451, "restricted location"),
        ("bybit", 429, "10006"),
        ("bybit", 403, "your country"),
        ("okx", 429, "50011"),
        ("kraken", 429, "EAPI:Rate limit exceeded"),
        ("coinbase", 429, "RESOURCE_EXHAUSTED"),
        ("okx", 503, "50001"),
    ],
)
def test_trouble_comes_with_the_exchange_s_body_and_when_to_come_back(dialect, status, said):
    async def check(_: Get, server: PriceServer) -> None:
        server.faults = Faults(status=status, retry_after_s=7)
        async with aiohttp.ClientSession() as session, session.get(server.url + "/") as answer:
            assert (status, "7") == (answer.status, answer.headers["Retry-After"])
            assert said in await answer.text()

    served(check, dialect=dialect)


@pytest.mark.parametrize(
    ("faults", "breaks"),
    [(Faults(reset=True), "reset by peer"), (Faults(disconnect=True), "disconnected")],
    ids=["reset", "disconnect"],
)
def test_a_connection_that_breaks_is_broken_without_an_answer(faults, breaks):
    async def check(_: Get, server: PriceServer) -> None:
        server.faults = faults
        async with aiohttp.ClientSession() as session:
            with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError), match=breaks):
                await session.get(server.url + "/api/v3/time")

    served(check)


def test_truncated_json_is_half_an_answer():
    async def check(_: Get, server: PriceServer) -> None:
        server.faults = Faults(malformed=True)
        async with aiohttp.ClientSession() as session, session.get(server.url + "/api/v3/time") as answer:
            assert '{"serverTime":1'[:13] == (await answer.text())[:13]
            with pytest.raises(json.JSONDecodeError):
                json.loads(await answer.text())

    served(check)


def test_nothing_but_get_is_answered():
    async def check(_: Get, server: PriceServer) -> None:
        async with aiohttp.ClientSession() as session, session.post(server.url + "/api/v3/time") as answer:
            assert 404 == answer.status

    served(check)


def test_a_dialect_that_there_is_not_is_refused_by_name():
    with pytest.raises(InvalidSetting, match=r"mtgox.*binance, bybit, coinbase"):
        PriceServer(source(), HandClock(NOW_MS), dialect="mtgox")


def test_candles_of_a_length_that_no_exchange_has_are_refused():
    odd = GeneratedMarket(MarketShape(seed=5, origin_ms=START_MS, step_ms=7 * MINUTE_MS)).sources()[0]
    with pytest.raises(InvalidSetting, match="420000 ms"):
        PriceServer(odd, HandClock(NOW_MS))


def test_a_taken_port_is_one_clear_sentence():
    async def check(_: Get, server: PriceServer) -> None:
        port = int(server.url.rsplit(":", 1)[1])
        with pytest.raises(InvalidSetting, match=f"cannot listen on 127.0.0.1:{port}"):
            async with PriceServer(source(), HandClock(NOW_MS), port=port):
                pass

    served(check)
