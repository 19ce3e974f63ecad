"""A price venue as a process: a stand-in exchange that serves recorded or generated candles as a real one writes them.

    python runnable/price_venue.py --generated 7 --venue gen-amber --port 8801
    python runnable/price_venue.py --dialect kraken --generated 7 --fault lie_bp=30 --controllable
    python runnable/price_venue.py --candles binance_spot_BTCUSDT_5m.parquet --scale 600 --sim-origin-ms 1750000200000

It speaks over HTTP and WebSocket on one port, on the exchange's own paths. With --controllable, faults are set while it
runs: PUT /control/faults (or /control/faults/rest, /control/faults/stream) with JSON such as {"status": 429}; {} heals.

Prints one line, `listening URL LABEL`, once it serves; SIGTERM or Ctrl-C ends it. Exits with 2 and one sentence
when a setting is wrong, the port taken or the candle file broken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from neurons.clock import ScaledClock
from neurons.market.dialects.known import DIALECTS
from neurons.market.dialects.writing import MINUTES
from neurons.market.faults import Faults, faults_from
from neurons.market.generated import THREE_VENUES, GeneratedMarket, MarketShape
from neurons.market.server import PriceServer
from neurons.market.sources import CandleSource
from protocol.errors import InvalidSetting, NodeFault
from protocol.units import MINUTE_MS

WRONG_SETTING = 2
HIGHEST_PORT = 65_535
TETHER_DIALECTS = frozenset({"binance", "bybit", "okx"})
"""Exchanges whose main market is in USDT; the others' is in USD."""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The flags. argparse ends the process with 2 and one sentence for those it does not know."""
    parser = argparse.ArgumentParser(prog="price_venue", description=__doc__.splitlines()[0] if __doc__ else "")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--candles",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="replay the recorded candles of this Parquet file; further files stand in where it has none for a day",
    )
    source.add_argument("--generated", type=int, metavar="SEED", help="serve the generated market of this seed")
    names = [venue.name for venue in THREE_VENUES]
    parser.add_argument("--venue", choices=names, default=names[0], help="which venue of the generated market")
    parser.add_argument("--dialect", choices=sorted(DIALECTS), default="binance", help="which exchange it speaks like")
    parser.add_argument("--symbol", help="the one symbol served, BASE/QUOTE (default BTC in the exchange's main quote)")
    parser.add_argument("--step-minutes", type=int, default=5, help="length of the recorded candles (default 5)")
    parser.add_argument(
        "--fault", action="append", default=[], metavar="NAME=VALUE", help="begin with this fault, as in lie_bp=30"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    parser.add_argument("--scale", type=int, default=1, help="how many times too fast the clock runs (default 1)")
    parser.add_argument("--sim-origin-ms", type=int, help="the clock's time at the wall origin (default: the wall's)")
    parser.add_argument("--wall-origin-ms", type=int, help="wall time at which the clock stands there (default: now)")
    parser.add_argument("--controllable", action="store_true", help="take faults on PUT /control/faults (for tests)")
    return parser.parse_args(arguments)


def clock_of(options: argparse.Namespace) -> ScaledClock:
    """The clock of the flags; processes that are given the same three agree on the time. Raises InvalidSetting."""
    wall_ms = time.time_ns() // 1_000_000 if options.wall_origin_ms is None else options.wall_origin_ms
    sim_ms = wall_ms if options.sim_origin_ms is None else options.sim_origin_ms
    return ScaledClock(sim_origin_ms=sim_ms, wall_origin_ms=wall_ms, scale=options.scale)


def source_of(options: argparse.Namespace) -> CandleSource:
    """The candles of the flags. Raises BadRecording or InvalidSetting."""
    if options.candles is not None:
        from neurons.market.recorded import read_recording, with_stand_in

        step_ms = options.step_minutes * MINUTE_MS
        if step_ms not in MINUTES:
            raise InvalidSetting(f"no exchange has candles of {options.step_minutes} minutes", setting="step_minutes")
        source, *others = (read_recording(path, step_ms=step_ms) for path in options.candles)
        for other in others:
            source = with_stand_in(source, other)
        return source
    return GeneratedMarket(MarketShape(seed=options.generated)).venue(options.venue)


def faults_of(options: argparse.Namespace) -> Faults:
    """The faults to begin with; a value is JSON, or text where it is none. Raises InvalidSetting."""
    values: dict[str, object] = {}
    for fault in options.fault:
        name, _, text = fault.partition("=")
        try:
            values[name] = json.loads(text)
        except json.JSONDecodeError:
            values[name] = text
    return faults_from(values)


async def serve(options: argparse.Namespace) -> None:
    """Serves until a signal comes. Raises NodeFault when it cannot begin."""
    quoted_in = "USDT" if options.dialect in TETHER_DIALECTS else "USD"
    symbol = f"BTC/{quoted_in}" if options.symbol is None else options.symbol
    base, slash, quote = symbol.partition("/")
    if not (base and slash and quote):
        raise InvalidSetting(f"a symbol is written BASE/QUOTE, not {symbol!r}", setting="symbol")
    if not 0 <= options.port <= HIGHEST_PORT:
        raise InvalidSetting(f"a port lies in 0..{HIGHEST_PORT}, this one is {options.port}", setting="port")
    source = source_of(options)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = PriceServer(
        source,
        clock_of(options),
        dialect=options.dialect,
        base=base,
        quote=quote,
        host=options.host,
        port=options.port,
        controllable=options.controllable,
    )
    server.faults = faults_of(options)
    async with server:
        print(f"listening {server.url} {source.label}", flush=True)
        await stop.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    try:
        asyncio.run(serve(parse(sys.argv[1:] if arguments is None else arguments)))
    except NodeFault as fault:
        print(f"price_venue: {fault}", file=sys.stderr)
        return WRONG_SETTING
    return 0


if __name__ == "__main__":
    sys.exit(main())
