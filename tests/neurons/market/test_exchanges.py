"""Each exchange's stand-in, asked through the one adapter: first candles, limits, holes, clocks and trouble."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from neurons.clock import HandClock
from neurons.market.candles import CandleArrays
from neurons.market.exchanges import habits_of, kraken_pair, listed, pointed_at
from neurons.market.faults import Faults
from neurons.market.problems import VenueProblem, problem_of, retry_after_ms_of
from neurons.market.recorded import RecordedSource
from neurons.market.server import PriceServer
from neurons.market.venues import LiveVenue
from neurons.ports import VenueUnavailable
from protocol.units import MINUTE_MS

STEP_MS = 5 * MINUTE_MS
START_MS = 1_750_000_200_000
STEPS = 2_500
NOW_MS = START_MS + STEPS * STEP_MS
FIVE = {"binance": "USDT", "bybit": "USDT", "coinbase": "USD", "kraken": "USD", "okx": "USDT"}


def source(*, hole: range = range(0)) -> RecordedSource:
    index = np.array([i for i in range(STEPS + 1) if i not in hole], dtype=np.int64)
    close = 6_000_000_000_000 + index * 10_000_000
    prices = np.stack([close, close + 70_000_000, close - 90_000_000, close])
    return RecordedSource("recorded", CandleArrays(START_MS + index * STEP_MS, prices, 1.5 + index))


def ask(exchange: str, check: Callable[[LiveVenue, PriceServer], Awaitable[None]], **changed: Any) -> None:
    """Runs the check against the exchange's stand-in, whose clock stands at NOW_MS."""

    async def main() -> None:
        clock, quote = HandClock(NOW_MS), FIVE[exchange]
        market = changed.pop("source", None) or source()
        async with PriceServer(market, clock, dialect=exchange, quote=quote) as server:
            made = {"base_url": server.url, "symbol": f"BTC/{quote}", "clock": clock, "exchange": exchange}
            venue = LiveVenue(exchange, **(made | changed))
            try:
                await check(venue, server)
            finally:
                await venue.aclose()

    asyncio.run(main())


async def problem_with(venue: LiveVenue, *, since: int = STEPS - 20) -> VenueUnavailable:
    with pytest.raises(VenueUnavailable) as caught:
        await venue.closed_candles(since_ms=START_MS + since * STEP_MS, limit=10)
    return caught.value


async def problem_when(answer: Callable[[web.BaseRequest], Awaitable[web.Response]], exchange: str) -> VenueProblem:
    """What the adapter calls the trouble of an exchange whose every answer is this one."""
    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    venue = LiveVenue("v", exchange=exchange, symbol=f"BTC/{FIVE[exchange]}", base_url=url)
    try:
        return problem_of(await problem_with(venue))
    finally:
        await venue.aclose()
        await runner.cleanup()


@pytest.mark.parametrize("exchange", FIVE)
def test_a_venue_cannot_send_us_to_another_server(exchange):
    async def main() -> None:
        heard: list[str] = []

        async def elsewhere(request: web.BaseRequest) -> web.Response:
            heard.append(request.path)
            return web.json_response([])

        runner = web.ServerRunner(web.Server(elsewhere))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()

        async def venue(request: web.BaseRequest) -> web.Response:
            return web.Response(status=302, headers={"Location": f"http://127.0.0.1:{runner.addresses[0][1]}/inside"})

        try:
            assert VenueProblem.HTTP_STATUS == await problem_when(venue, exchange)
        finally:
            await runner.cleanup()
        assert [] == heard

    asyncio.run(main())


@pytest.mark.parametrize("exchange", [name for name in FIVE if name != "kraken"])
@pytest.mark.parametrize("since", [0, STEPS - 1_200, STEPS - 250])
def test_a_page_begins_with_the_first_candle_asked_for_however_old_and_pages_join(exchange, since):
    async def check(venue: LiveVenue, _: PriceServer) -> None:
        at_ms, opens = START_MS + since * STEP_MS, []
        for _ in range(3):
            page = await venue.closed_candles(since_ms=at_ms, limit=5_000)
            assert len(page.candles) >= min(100, STEPS - since - len(opens))
            opens += [(c.open_time_ms - START_MS) // STEP_MS for c in page.candles]
            at_ms = START_MS + (opens[-1] + 1) * STEP_MS
        assert list(range(since, since + len(opens))) == opens

    ask(exchange, check)


def test_kraken_serves_its_last_720_and_says_so_about_what_came_before():
    async def check(venue: LiveVenue, _: PriceServer) -> None:
        kept = STEPS - 720
        page = await venue.closed_candles(since_ms=START_MS + kept * STEP_MS, limit=5_000)
        assert list(range(kept, STEPS)) == [(c.open_time_ms - START_MS) // STEP_MS for c in page.candles]
        error = await problem_with(venue, since=kept - 1)
        assert (VenueProblem.NO_HISTORY, START_MS + kept * STEP_MS) == (
            problem_of(error),
            error.fields["keeps_from_ms"],
        )

    ask("kraken", check)


@pytest.mark.parametrize("exchange", [name for name in FIVE if name != "kraken"])
def test_a_hole_wider_than_a_page_is_stepped_over(exchange):
    async def check(venue: LiveVenue, _: PriceServer) -> None:
        for since, limit in ((100, 1), (100, 500), (90, 20)):
            page = await venue.closed_candles(since_ms=START_MS + since * STEP_MS, limit=limit)
            assert (START_MS + max(since, 1_000 if since == 100 else 90) * STEP_MS) == page.candles[0].open_time_ms

    ask(exchange, check, source=source(hole=range(100, 1_000)))


@pytest.mark.parametrize("exchange", [name for name in FIVE if name != "kraken"])
def test_the_candle_before_a_hole_does_not_end_the_page_for_whoever_asks_from_it_on(exchange):
    async def check(venue: LiveVenue, _: PriceServer) -> None:
        page = await venue.closed_candles(since_ms=START_MS + 99 * STEP_MS, limit=500)
        assert [99, 1_000] == [(candle.open_time_ms - START_MS) // STEP_MS for candle in page.candles[:2]]

    ask(exchange, check, source=source(hole=range(100, 1_000)))


def test_a_hole_that_does_not_end_is_not_called_an_end():
    """Coinbase tells of 300 candles at a time: after twelve such windows without one the question is given up."""

    async def check(venue: LiveVenue, _: PriceServer) -> None:
        error = await problem_with(venue, since=-4_000)
        assert VenueProblem.NO_HISTORY == problem_of(error)
        assert START_MS - 4_000 * STEP_MS < error.fields["keeps_from_ms"] <= START_MS

    ask("coinbase", check)


@pytest.mark.parametrize("exchange", FIVE)
@pytest.mark.parametrize(
    ("faults", "problem"),
    [
        (Faults(status=500), VenueProblem.SERVER_ERROR),
        (Faults(status=503), VenueProblem.SERVER_ERROR),
        (Faults(status=429, retry_after_s=17), VenueProblem.RATE_LIMITED),
        (Faults(status=403), VenueProblem.GEO_BLOCKED),
        (Faults(status=451), VenueProblem.GEO_BLOCKED),
        (Faults(reset=True), VenueProblem.UNREACHABLE),
        (Faults(disconnect=True), VenueProblem.UNREACHABLE),
        (Faults(malformed=True), VenueProblem.MALFORMED),
        (Faults(junk_field="NaN"), VenueProblem.BAD_PRICE),
        (Faults(clock_shift_ms=10 * MINUTE_MS), VenueProblem.WRONG_CLOCK),
        (Faults(clock_shift_ms=-10 * MINUTE_MS), VenueProblem.WRONG_CLOCK),
    ],
    ids=lambda value: str(value).replace("hang=False, latency_ms=0, ", "")[:40],
)
def test_the_same_trouble_has_the_same_name_at_every_exchange(exchange, faults, problem):
    async def check(venue: LiveVenue, server: PriceServer) -> None:
        server.faults = faults
        error = await problem_with(venue)
        assert problem == problem_of(error)
        assert (17_000 if faults.retry_after_s else None) == retry_after_ms_of(error)

    ask(exchange, check)


@pytest.mark.parametrize("exchange", ["bybit", "kraken"])
def test_candles_that_are_said_to_be_another_markets_are_refused_where_the_exchange_says_whose(exchange):
    async def check(venue: LiveVenue, server: PriceServer) -> None:
        server.faults = Faults(wrong_symbol=True)
        assert VenueProblem.WRONG_SYMBOL == problem_of(await problem_with(venue))

    ask(exchange, check)


@pytest.mark.parametrize("exchange", FIVE)
def test_a_market_that_the_exchange_does_not_have_is_called_wrong(exchange):
    async def check(venue: LiveVenue, _: PriceServer) -> None:
        error = await problem_with(venue)
        assert problem_of(error) in {VenueProblem.WRONG_SYMBOL, VenueProblem.REFUSED, VenueProblem.HTTP_STATUS}

    ask(exchange, check, symbol="NOPE/USDT")


def test_kraken_is_asked_for_the_one_market_whose_name_does_not_follow_from_its_currencies():
    assert "" == kraken_pair("AVAX", "USD")

    async def main() -> int:
        clock = HandClock(NOW_MS)
        async with PriceServer(source(), clock, dialect="kraken", base="AVAX", quote="USD") as server:
            venue = LiveVenue("v", exchange="kraken", symbol="AVAX/USD", base_url=server.url, clock=clock)
            page = await venue.closed_candles(since_ms=NOW_MS - 5 * STEP_MS, limit=10)
            await venue.aclose()
        return len(page.candles)

    assert 5 == asyncio.run(main())


def test_the_five_built_in_need_no_list_of_markets():
    """One question, one request."""

    async def check(venue: LiveVenue, server: PriceServer) -> None:
        await venue.closed_candles(since_ms=NOW_MS - 5 * STEP_MS, limit=10)
        assert 1 == server.requests

    for exchange in FIVE:
        ask(exchange, check)


def test_a_login_in_the_address_goes_into_a_header_and_into_no_error():
    seen: list[str] = []

    async def refuse(request: web.BaseRequest) -> web.Response:
        seen.append(request.headers.get("Authorization", ""))
        return web.json_response({"code": -1, "msg": str(request.url)}, status=400)

    async def main() -> str:
        runner = web.ServerRunner(web.Server(refuse))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        venue = LiveVenue("v", base_url=f"http://someone:hunter2@127.0.0.1:{port}")
        error = await problem_with(venue)
        await venue.aclose()
        await runner.cleanup()
        venue = LiveVenue("v", base_url=f"http://someone:hunter2@127.0.0.1:{port}")
        gone = await problem_with(venue)
        await venue.aclose()
        return f"{error!r} {error.__cause__!r} {gone!r} {gone.__cause__!r}"

    told = asyncio.run(main())
    assert [f"Basic {base64.b64encode(b'someone:hunter2').decode()}"] == seen
    assert "hunter2" not in told


def test_a_question_given_up_leaves_no_task_behind():
    async def check(venue: LiveVenue, server: PriceServer) -> None:
        server.faults = Faults(hang=True)
        assert VenueProblem.TIMEOUT == problem_of(await problem_with(venue))
        await asyncio.sleep(0)
        assert [] == [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("ask ")]

    ask("binance", check, timeout_s=0.2)


def test_a_client_that_does_not_heed_its_cancelling_frees_the_caller_all_the_same():
    class Stubborn:
        """ccxt's client, as it would be if it swallowed every cancellation."""

        markets = ()

        async def fetch_ohlcv(self, *_: object, **__: object) -> None:
            while True:
                try:
                    await release.wait()
                    return
                except asyncio.CancelledError:
                    continue

    async def main() -> VenueProblem:
        venue = LiveVenue("v", timeout_s=0.05)
        venue._exchange = Stubborn()
        error = await problem_with(venue)
        venue._exchange = None
        release.set()
        return problem_of(error)

    release = asyncio.Event()
    assert VenueProblem.TIMEOUT == asyncio.run(main())


@pytest.mark.parametrize("body", ["[" * 200_000, '{"a":' * 50_000, "[1", "null", '"x"', "7", "{}", '{"error":[]}'])
@pytest.mark.parametrize("exchange", FIVE)
def test_no_body_whatever_it_is_does_more_than_make_the_venue_unavailable(exchange, body):
    async def answer(_: web.BaseRequest) -> web.Response:
        date = {"Date": "Sun, 15 Jun 2025 12:00:00 GMT"}
        return web.Response(text=body, content_type="application/json", headers=date)

    assert asyncio.run(problem_when(answer, exchange)) in {
        VenueProblem.MALFORMED,
        VenueProblem.HTTP_STATUS,
        VenueProblem.BAD_PRICE,
    }


@pytest.mark.parametrize("parsed", [{}, {"error": []}, {"result": {}}, None, "x", 7, {"a": {"b": {"c": {"d": []}}}}])
def test_a_reply_without_a_list_lists_nothing_that_could_be_counted(parsed):
    assert listed(parsed) is None


@pytest.mark.parametrize(
    "parsed",
    [[1, 2], {"data": [1, 2]}, {"error": [], "result": {"XXBTZUSD": [1, 2], "last": 7}}, {"a": {"list": [[], 0]}}],
)
def test_entries_are_counted_whatever_they_are(parsed):
    assert 2 == listed(parsed)


@pytest.mark.parametrize("exchange", [name for name in FIVE if name != "kraken"])
def test_a_list_of_which_nothing_can_be_read_is_no_empty_answer(exchange):
    """Kraken alone may answer with candles of which none is new enough."""
    layouts = {"binance": "[[]]", "bybit": '{"retCode":0,"result":{"list":[[]]}}', "coinbase": '{"candles":[{}]}'}

    async def answer(_: web.BaseRequest) -> web.Response:
        date = {"Date": "Sun, 15 Jun 2025 12:00:00 GMT"}
        body = layouts.get(exchange, '{"code":"0","data":[[]]}')
        return web.Response(text=body, content_type="application/json", headers=date)

    assert VenueProblem.MALFORMED == asyncio.run(problem_when(answer, exchange))


def test_only_scheme_host_and_port_of_the_endpoints_change_and_streams_stay_streams():
    urls = {"public": "https://api.example.com/api/v3", "ws": {"x": "wss://h.example:9443/a?b=c"}}
    moved = {"public": "http://127.0.0.1:9/api/v3", "ws": {"x": "ws://127.0.0.1:9/a?b=c"}}
    assert moved == pointed_at(urls, "http://someone:secret@127.0.0.1:9")
    assert "wss://other.example/a?b=c" == pointed_at(urls, "https://other.example")["ws"]["x"]


def test_markets_are_named_as_each_exchange_writes_them():
    names = {exchange: habits_of(exchange).market_id("BTC", quote) for exchange, quote in FIVE.items()}
    assert {
        "binance": "BTCUSDT",
        "bybit": "BTCUSDT",
        "coinbase": "BTC-USD",
        "kraken": "XXBTZUSD",
        "okx": "BTC-USDT",
    } == names
    assert "" == habits_of("bitstamp").market_id("BTC", "USD")
