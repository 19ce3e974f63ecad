"""What to download: a series, its venues, a step and a period, from what a person wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from neurons.config import read_toml
from neurons.market.history.blocks import AGREED, Origin
from neurons.market.venues import LiveVenue
from neurons.ports import PriceVenue
from neurons.settings import BTC_USD, STEPS_MS, SeriesSettings, VenueSettings
from protocol.errors import InvalidSetting
from protocol.units import MINUTE_MS, SECOND_MS

EARLIEST_MS: Final = 1_230_768_000_000
"""2009-01-01: before this nothing here was traded, and a mistyped year would be asked for page by page."""
_FRESH_MS: Final = 2 * MINUTE_MS
"""Nothing is asked that ended less than this and a step ago: each candle needs a later one that is final too."""


@dataclass(frozen=True, slots=True)
class VenueRequest:
    """One venue and its market; base_url asks another server in the exchange's place."""

    origin: Origin
    base_url: str | None = None
    via: str | None = None
    """The series that a node converts this venue's prices by."""

    def open(self) -> PriceVenue:
        """The venue, ready to be asked. Raises InvalidSetting when its exchange is unknown."""
        return LiveVenue(
            self.origin.venue,
            exchange=self.origin.exchange,
            symbol=self.origin.symbol,
            base_url=self.base_url,
            step_ms=self.origin.step_ms,
            timeout_s=30.0,
        )


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """A series' candles of [from_ms, until_ms) from each of the venues."""

    series: str
    step_ms: int
    from_ms: int
    until_ms: int
    venues: tuple[VenueRequest, ...]


def instant_ms(date: str) -> int:
    """A UTC date such as 2024-01-01 or 2024-01-01T12:00 as epoch milliseconds. Raises InvalidSetting."""
    try:
        at = datetime.fromisoformat(date)
    except ValueError as wrong:
        raise InvalidSetting(f"{date!r} is no date; write 2024-01-01 or 2024-01-01T12:00", setting="date") from wrong
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()) * SECOND_MS


def step_named(name: str) -> int:
    """The milliseconds of a step such as 5m. Raises InvalidSetting."""
    found = next((step_ms for known, step_ms in STEPS_MS.items() if known == name), None)
    if found is None:
        raise InvalidSetting(f"no step is called {name!r}; there are {', '.join(STEPS_MS)}", setting="step")
    return found


def request_of(
    series: str,
    *,
    since: str | None,
    until: str | None,
    step: str,
    venues: str | None,
    base_urls: Sequence[str],
    known: Sequence[SeriesSettings] = (BTC_USD,),
    now_ms: int,
) -> HistoryRequest:
    """Reads a request. venues: names divided by commas, each of the series' own or NAME=BASE/QUOTE; all when not given.

    base_urls: VENUE=URL each. known: the series whose venues are known. Raises InvalidSetting where something is wrong.
    """
    step_ms = step_named(step)
    if since is None:
        raise InvalidSetting("a download needs --from, such as --from 2023-01-01", setting="from")
    from_ms = instant_ms(since)
    last_ms = (now_ms - _FRESH_MS) // step_ms * step_ms - step_ms
    until_ms = min(instant_ms(until), last_ms) if until is not None else last_ms
    for name, at_ms in (("from", from_ms), ("to", until_ms)):
        if at_ms % step_ms:
            raise InvalidSetting(f"--{name} is not on the grid of {step}", setting=name)
    if not EARLIEST_MS <= from_ms < until_ms:
        raise InvalidSetting("--from must lie before --to and before now, and not before 2009", setting="from")
    own = next((one.venues for one in known if one.name == series), ())
    chosen = _all_venues(series, own, known) if venues is None else [_venue(series, n, own) for n in venues.split(",")]
    urls = _by_venue(base_urls, [venue.label for venue in chosen])
    asked = tuple(_request(venue, urls.get(venue.label, venue.base_url), step_ms) for venue in chosen)
    if len({one.origin.venue for one in asked}) < len(asked) or AGREED in (one.origin.venue for one in asked):
        raise InvalidSetting(f"--venues names one twice, or one {AGREED!r}: {venues}", setting="venues")
    return HistoryRequest(series, step_ms, from_ms, until_ms, asked)


def series_in(settings: Path) -> tuple[SeriesSettings, ...]:
    """The series of a node's settings file. Raises InvalidSetting when it cannot be read or one of them is wrong."""
    listed = read_toml(settings).values.get("series", [BTC_USD])
    try:
        return TypeAdapter(tuple[SeriesSettings, ...]).validate_python(listed)
    except ValidationError as error:
        complaint = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in complaint["loc"])
        raise InvalidSetting(f"{settings}: series.{place}: {complaint['msg']}", file=str(settings)) from error


def _request(venue: VenueSettings, base_url: str | None, step_ms: int) -> VenueRequest:
    source = "exchange" if base_url is None else "stand-in"
    return VenueRequest(Origin(venue.label, venue.exchange, source, venue.symbol, step_ms), base_url, venue.via)


def _all_venues(series: str, own: Sequence[VenueSettings], known: Sequence[SeriesSettings]) -> Sequence[VenueSettings]:
    if not own:
        names = ", ".join(one.name for one in known)
        raise InvalidSetting(
            f"no venues are known for {series} (only for {names}): name them, --venues binance=ETH/USDT,..., "
            "or --config a node's settings that have the series",
            setting="venues",
        )
    return own


def _venue(series: str, written: str, own: Sequence[VenueSettings]) -> VenueSettings:
    """A venue as written: one of the series' own, or an exchange with a symbol."""
    name, given, symbol = written.strip().partition("=")
    if given:
        try:
            return VenueSettings(exchange=name, symbol=symbol)
        except ValidationError as wrong:
            raise InvalidSetting(f"--venues: {written!r} is not EXCHANGE=BASE/QUOTE", setting="venues") from wrong
    for venue in own:
        if venue.label == name:
            return venue
    listed = f"; known are {', '.join(venue.label for venue in own)}" if own else ""
    raise InvalidSetting(
        f"--venues: which market of {name!r} is {series}? Write {name or 'binance'}=BASE/QUOTE{listed}",
        setting="venues",
    )


def _by_venue(base_urls: Sequence[str], venues: Sequence[str]) -> dict[str, str]:
    """Venue -> URL of --base_url VENUE=URL."""
    urls = {}
    for written in base_urls:
        venue, _, url = written.partition("=")
        if venue not in venues or not url.startswith(("http://", "https://")):
            raise InvalidSetting(
                f"--base_url {written!r} is not VENUE=URL with one of {', '.join(venues)}", setting="base_url"
            )
        urls[venue] = url
    return urls
