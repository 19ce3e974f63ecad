"""Runs a miner: `python neurons/miner.py --base_model ewma --help` (also `augury miner`).

Parses settings, builds the parts, runs the node until it is told to stop; everything else is in `neurons/mining/`.
"""

from __future__ import annotations

import neurons.library_defaults  # noqa: F401 - first, because numpy reads what it sets

# isort: split
import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from importlib.metadata import version

from neurons.assembly import announce, store_of, telemetry_of, venues_of
from neurons.config import parse
from neurons.entropy import SystemEntropy
from neurons.mining.candles import CandleFeed
from neurons.mining.forecasting import Answerer, Forecasting, Model
from neurons.mining.handlers import MinerParts
from neurons.mining.models import MinersModel, Record, fallback_of, model_of
from neurons.mining.node import KnownValidator, MinerNode
from neurons.mining.offloading import in_daemon_thread
from neurons.peers_file import read_validators_file
from neurons.ports import Clock
from neurons.settings import MinerSettings
from neurons.signers import PRESETS, ask_at_terminal, clock_of, key_of
from neurons.supervise import calm_collector, report, run_until_stopped
from neurons.telemetry import Deferred, NodeStarted, NodeStopped, serving_metrics
from neurons.transport.client import GrpcCaller
from neurons.transport.server import serving
from protocol.errors import InvalidSetting, NodeFault
from protocol.keys import SigningKey
from protocol.params import NetworkParams

MakeAnswerer = Callable[[MinerSettings, SigningKey, NetworkParams, Clock, Record], Answerer]


def forecasting_of(
    settings: MinerSettings, key: SigningKey, params: NetworkParams, clock: Clock, record: Record
) -> Forecasting:
    """The honest answerer: the model of the settings over its own candles. Raises what keeps the model from loading."""
    return _over_candles(model_of(settings, record), settings, key, params, clock)


def forecasting_with(
    model: Model, settings: MinerSettings, key: SigningKey, params: NetworkParams, clock: Clock, record: Record
) -> Forecasting:
    """Any model over the candles of the settings' series; `runnable/own_model.py` mines with one of its own."""
    own = MinersModel(model.name, model, fallback=fallback_of(settings), record=record)
    return _over_candles(own, settings, key, params, clock)


def _over_candles(
    model: MinersModel, settings: MinerSettings, key: SigningKey, params: NetworkParams, clock: Clock
) -> Forecasting:
    feeds = {
        series.name: CandleFeed(
            series.name, venues_of(series, clock, params), step_ms=params.time.step_ms, lookback=model.lookback
        )
        for series in settings.series
        if series.rounds
    }
    return Forecasting(model, feeds, me=key.hotkey, challenges=params.challenges, offload=in_daemon_thread)


async def run(
    settings: MinerSettings, make_answerer: MakeAnswerer = forecasting_of, *, key: SigningKey | None = None
) -> None:
    """Runs a miner until cancelled. key: opened already. Raises the NodeFault that keeps it from starting."""
    params, clock = PRESETS[settings.params], clock_of(settings)
    key = key_of(settings) if key is None else key
    if settings.validators_file is None:
        raise InvalidSetting(
            "validators_file: a miner answers only validators on its list, and none is set", setting="validators_file"
        )
    validators = [KnownValidator(one.hotkey, one.endpoint) for one in read_validators_file(settings.validators_file)]
    telemetry = telemetry_of(settings, clock, key, "miner")
    early = Deferred(telemetry)
    answerer = make_answerer(settings, key, params, clock, early.record)
    async with AsyncExitStack() as opened:
        opened.push_async_callback(answerer.aclose)
        store = await opened.enter_async_context(store_of(settings))
        telemetry.metrics.watch_queue("store", lambda: store.waiting)
        caller = GrpcCaller(clock, params.wire)
        opened.push_async_callback(caller.aclose)
        parts = MinerParts(
            me=key.hotkey,
            params=params,
            clock=clock,
            entropy=SystemEntropy(),
            store=store,
            answerer=answerer,
            endpoint=settings.advertised,
            reveal_guard_ms=params.time.reveal_opens_after_ms // 3,
        )
        node = await MinerNode.open(parts, key=key, telemetry=telemetry, caller=caller, validators=validators)
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
                role="miner", hotkey=key.hotkey, network=params.network, version=version("augury"), listens=address
            )
        )
        early.release()
        announce("miner", key, address, metrics, [f"model {answerer.model}"])
        calm_collector()
        try:
            async with asyncio.TaskGroup() as tasks:
                for validator in validators:
                    tasks.create_task(node.keep_registered(validator), name=f"register {validator.endpoint}")
                tasks.create_task(node.retain(), name="retention")
        finally:
            telemetry.record(NodeStopped(role="miner"))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0 stopped in order, 1 a bug, 2 one sentence about what is wrong."""
    try:
        settings = parse(MinerSettings, sys.argv[1:] if arguments is None else arguments, command="miner")
        key = key_of(settings, ask=ask_at_terminal)
    except NodeFault as error:
        return report(error)
    return run_until_stopped(partial(run, settings, key=key))


if __name__ == "__main__":
    sys.exit(main())
