"""Runs a validator: `python neurons/validator.py --help` (also `augury validator`).

Parses settings, builds the parts, runs the node until it is told to stop; everything else is in `neurons/validating/`.
"""

from __future__ import annotations

import neurons.library_defaults  # noqa: F401 - first, because numpy reads what it sets

# isort: split
import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from importlib.metadata import version

from neurons.assembly import (
    announce,
    followed_of,
    report_venues,
    store_of,
    telemetry_of,
    venues_of,
    watch_circuits,
    watch_settings,
)
from neurons.config import parse
from neurons.entropy import SystemEntropy
from neurons.market.calendars import calendar_of
from neurons.market.markets import WatchedMarket, closes_remembered
from neurons.peers_file import read_miners_file
from neurons.ports import Store
from neurons.records import CloseRow
from neurons.settings import ValidatorSettings, in_order_of_conversion
from neurons.signers import PRESETS, ask_at_terminal, clock_of, key_of
from neurons.supervise import calm_collector, report, run_until_stopped, share_one_heap
from neurons.telemetry import NodeStarted, NodeStopped, serving_metrics
from neurons.transport.client import GrpcCaller
from neurons.transport.server import serving
from neurons.validating.handlers import Doorkeeping
from neurons.validating.node import ValidatorNode
from neurons.validating.opening import first_start_reach_ms
from protocol.errors import NodeFault
from protocol.keys import SigningKey
from protocol.params import NetworkParams
from protocol.units import DAY_MS


async def run(settings: ValidatorSettings, *, key: SigningKey | None = None) -> None:
    """Runs a validator until cancelled. key: opened already. Raises the NodeFault that keeps it from starting."""
    params, clock = PRESETS[settings.params], clock_of(settings)
    key = key_of(settings) if key is None else key
    telemetry = telemetry_of(settings, clock, key, "validator")
    async with AsyncExitStack() as opened:
        store = await opened.enter_async_context(store_of(settings, validator=key.hotkey))
        telemetry.metrics.watch_queue("store", lambda: store.waiting)
        caller = GrpcCaller(clock, params.wire)
        opened.push_async_callback(caller.aclose)
        node = await ValidatorNode.open(
            key=key,
            params=params,
            series=[followed_of(series) for series in settings.series],
            clock=clock,
            entropy=SystemEntropy(),
            store=store,
            caller=caller,
            telemetry=telemetry,
            door=Doorkeeping(
                allowed=read_miners_file(settings.miners_file) if settings.miners_file else None,
                allow_private_endpoints=settings.allow_private_endpoints,
            ),
            settlements_kept_ms=settings.settlements_kept_days * DAY_MS,
        )
        markets: dict[str, WatchedMarket] = {}
        for series in in_order_of_conversion(settings.series):
            newest_ms, on_grid = node.newest_close_ms(series.name), followed_of(series).params(params)
            venues = venues_of(series, clock, params)
            watch_circuits(telemetry.metrics.market, series.name, venues)
            market = WatchedMarket(
                series.name,
                venues,
                clock,
                on_grid,
                earlier=await earlier_closes(store, series.name, newest_ms, on_grid),
                calendar=calendar_of(series.calendar),
                rates={venue.label: markets[venue.via].book for venue in series.venues if venue.via},
                settings=watch_settings(clock),
            )
            markets[series.name] = await opened.enter_async_context(market)
        metrics = await opened.enter_async_context(serving_metrics(settings.metrics, telemetry.metrics))
        address = await opened.enter_async_context(
            serving(
                node,
                settings.listen.host,
                settings.listen.port,
                wire=params.wire,
                watch_queue=telemetry.metrics.watch_queue,
            )
        )
        telemetry.record(
            NodeStarted(
                role="validator", hotkey=key.hotkey, network=params.network, version=version("augury"), listens=address
            )
        )
        announce("validator", key, address, metrics)
        calm_collector()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(node.run(markets), name="validator")
                tasks.create_task(report_venues(markets, telemetry, clock, params.time.step_ms), name="venues")
        finally:
            telemetry.record(NodeStopped(role="validator"))


async def earlier_closes(store: Store, series: str, newest_ms: int | None, params: NetworkParams) -> Sequence[CloseRow]:
    """The last stored closes with all their revisions: what the venues were like before a restart, what they may still
    correct, and what a first start of another series may want converted.

    Back from the newest of them, not from now: however long the validator was away, it goes on agreeing closes as one
    that never stopped.
    """
    if newest_ms is None:
        return ()
    remembered_ms = closes_remembered(params) * params.time.step_ms
    reach_ms = max(remembered_ms, first_start_reach_ms(params.time, params.truth))
    newest = await store.closes(series, from_ms=newest_ms - reach_ms, to_ms=newest_ms)
    return [
        revision
        for row in newest
        for revision in (await store.revisions(series, row.close_at_ms) if row.revision else (row,))
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0 stopped in order, 1 a bug, 2 one sentence about what is wrong."""
    try:
        settings = parse(ValidatorSettings, sys.argv[1:] if arguments is None else arguments, command="validator")
        key = key_of(settings, ask=ask_at_terminal)
    except NodeFault as error:
        return report(error)
    share_one_heap()
    return run_until_stopped(partial(run, settings, key=key))


if __name__ == "__main__":
    sys.exit(main())
