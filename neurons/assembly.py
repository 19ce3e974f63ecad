"""From settings to the parts of a node: store, telemetry, venues. What validators and miners share."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from neurons.entropy import SystemEntropy
from neurons.market.calendars import calendar_of
from neurons.market.guard import Circuit, GuardedVenue
from neurons.market.markets import WatchedMarket
from neurons.market.streams import StreamedVenue
from neurons.market.venues import LiveVenue
from neurons.market.watch import WatchSettings
from neurons.ports import Clock
from neurons.settings import NodeSettings, SeriesSettings, SignerSettings, VenueSettings
from neurons.signers import PRESETS
from neurons.store.claim import claim_store
from neurons.store.sqlite import SqliteStore
from neurons.telemetry import Metrics, Telemetry, VenueFailed, VenueReported, adopt_standard_logging, open_log
from neurons.telemetry.market_metrics import MarketMetrics
from neurons.validating.series import FollowedSeries
from protocol.errors import InvalidSetting
from protocol.keys import SigningKey
from protocol.params import NetworkParams
from protocol.units import MINUTE_MS, Hotkey, short

SQLITE: Final = "sqlite+aiosqlite"
LEAST_DEADLINE_S: Final = 3.0
LEAST_POLL_S: Final = 0.05


@asynccontextmanager
async def store_of(settings: NodeSettings, *, validator: Hotkey | None = None) -> AsyncIterator[SqliteStore]:
    """The node's database, closed at the end. validator: whose it is, for one that opens rounds.

    Raises InvalidSetting for a URL that is not SQLite's, StoreInUse, StoreTooNew, StoreOfAnotherNetwork or
    StoreUnavailable; then nothing in it was changed.
    """
    url = urlsplit(settings.database_url)
    if url.scheme != SQLITE:
        raise InvalidSetting(
            f"store_url: this version stores in {SQLITE}:///FILE, not {url.scheme}", setting="store_url"
        )
    path = Path(url.path.removeprefix("/"))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = await SqliteStore.open(path)
    try:
        await claim_store(store, [PRESETS[settings.params]], validator=validator)
        yield store
    finally:
        await store.aclose()


def telemetry_of(settings: SignerSettings, clock: Clock, key: SigningKey, role: str) -> Telemetry:
    """The node's log on standard error, and its metrics."""
    log = open_log(settings.log, sys.stderr, role=role, node=short(key.hotkey))
    adopt_standard_logging(log, settings.log)
    return Telemetry(log=log, metrics=Metrics(now_ms=clock.now_ms))


def followed_of(series: SeriesSettings) -> FollowedSeries:
    """The series as a validator follows it."""
    return FollowedSeries(series.name, calendar_of(series.calendar), series.step_ms, series.rounds)


def venues_of(series: SeriesSettings, clock: Clock, params: NetworkParams) -> list[GuardedVenue]:
    """The series' venues, ready to be asked.

    Raises InvalidSetting for an exchange or symbol that cannot be, and for rounds off the network's grid.
    """
    if series.rounds and series.step_ms != params.time.step_ms:
        raise InvalidSetting(
            f"{series.name}: rounds are asked on the network's grid of {params.time.step_ms // MINUTE_MS} min, "
            f"not on {series.step}: leave `step` as it is, or set `rounds = false` to only watch the series",
            setting="series",
        )
    return [_guarded_venue(venue, series.step_ms, clock) for venue in series.venues]


def _guarded_venue(venue: VenueSettings, step_ms: int, clock: Clock) -> GuardedVenue:
    """The venue behind its circuit breaker, with its stream beside REST where the settings want one."""
    entropy = SystemEntropy()
    live = LiveVenue(
        venue.label,
        exchange=venue.exchange,
        symbol=venue.symbol,
        base_url=venue.base_url,
        step_ms=step_ms,
        timeout_s=min(10.0, max(LEAST_DEADLINE_S, clock.wall_seconds(MINUTE_MS))),
        clock=clock,
    )
    return GuardedVenue(StreamedVenue(live, clock, entropy) if venue.stream else live, clock, entropy)


def watch_settings(clock: Clock) -> WatchSettings:
    """The watcher's deadlines; on a fast clock stretched to what a real venue needs in wall time."""
    usual = WatchSettings()
    return replace(
        usual,
        deadline_ms=max(usual.deadline_ms, int(LEAST_DEADLINE_S / clock.wall_seconds(1))),
        poll_ms=max(usual.poll_ms, int(LEAST_POLL_S / clock.wall_seconds(1))),
    )


def watch_circuits(metrics: MarketMetrics, series: str, venues: Sequence[GuardedVenue]) -> None:
    """Shows in the metrics which venues their circuit breakers leave alone."""

    def is_left_alone(venue: GuardedVenue) -> bool:
        return venue.breaker.circuit is not Circuit.CLOSED

    for venue in venues:
        metrics.watch_circuit(series, venue.name, partial(is_left_alone, venue))


async def report_venues(
    markets: Mapping[str, WatchedMarket], telemetry: Telemetry, clock: Clock, every_ms: int
) -> None:
    """Tells the log and the metrics what each venue last gave and what went wrong; runs until cancelled."""
    told: dict[tuple[str, str], int] = {}
    while True:
        for series, market in markets.items():
            for name, health in market.health.items():
                if (series, name) not in told:
                    telemetry.metrics.market.watch_venue(series, name, last_close_at_ms=clock.now_ms())
                if health.newest_close_ms is not None:
                    telemetry.record(VenueReported(series=series, venue=name, last_close_at_ms=health.newest_close_ms))
                failures = sum(health.problems.values()) + health.refused + health.copied
                if failures > told.get((series, name), 0):
                    telemetry.record(VenueFailed(series=series, venue=name, reason=health.last_problem))
                told[series, name] = failures
        await clock.sleep_until(clock.now_ms() + every_ms)


def announce(role: str, key: SigningKey, address: str, metrics: str, others: Sequence[str] = ()) -> None:
    """One line on standard output once the node serves: for the person who started it, or the process that did."""
    print(
        f"{role} {key.hotkey.hex()} listens on {address}", f"metrics {metrics or 'off'}", *others, sep="; ", flush=True
    )
