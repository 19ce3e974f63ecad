"""A price venue as a process: a stand-in exchange that serves recorded or generated candles in Binance's format.

    python runnable/price_venue.py --generated 7 --venue gen-amber --port 8801
    python runnable/price_venue.py --candles binance_spot_BTCUSDT_5m.parquet --scale 600 --sim-origin-ms 1750000200000

Prints one line, `listening URL LABEL`, once it serves; SIGTERM or Ctrl-C ends it. Exits with 2 and one sentence
when a setting is wrong, the port taken or the candle file broken.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from neurons.clock import ScaledClock
from neurons.market.generated import THREE_VENUES, GeneratedMarket, MarketShape
from neurons.market.server import PriceServer
from neurons.market.sources import CandleSource
from protocol.errors import InvalidSetting, NodeFault

WRONG_SETTING = 2
HIGHEST_PORT = 65_535


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The flags. argparse ends the process with 2 and one sentence for those it does not know."""
    parser = argparse.ArgumentParser(prog="price_venue", description=__doc__.splitlines()[0] if __doc__ else "")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--candles", type=Path, metavar="FILE", help="replay the recorded candles of this Parquet file")
    source.add_argument("--generated", type=int, metavar="SEED", help="serve the generated market of this seed")
    names = [venue.name for venue in THREE_VENUES]
    parser.add_argument("--venue", choices=names, default=names[0], help="which venue of the generated market")
    parser.add_argument("--symbol", default="BTC/USDT", help="the one symbol served, BASE/QUOTE (default %(default)s)")
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
        from neurons.market.recorded import read_recording

        return read_recording(options.candles)
    return GeneratedMarket(MarketShape(seed=options.generated)).venue(options.venue)


async def serve(options: argparse.Namespace) -> None:
    """Serves until a signal comes. Raises NodeFault when it cannot begin."""
    base, slash, quote = options.symbol.partition("/")
    if not (base and slash and quote):
        raise InvalidSetting(f"a symbol is written BASE/QUOTE, not {options.symbol!r}", setting="symbol")
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
        base=base,
        quote=quote,
        host=options.host,
        port=options.port,
        controllable=options.controllable,
    )
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
