"""What is replayed: which recorded venues, when, converted or as written, and who of them lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from protocol.units import DAY_MS
from runnable.price_replays import recordings as r
from runnable.price_replays.lies import MEANINGS
from runnable.price_replays.recordings import Recorded


@dataclass(frozen=True, slots=True)
class Plan:
    """One replay. Closes with from_ms < close_at_ms <= until_ms are counted; the rule has seen `warm_ms` before them.

    yardstick: the recorded venues whose median, in dollars, is what agreed prices are measured by; none where
    nothing is measured.  liar: the name of a venue and its lie.
    """

    name: str
    meaning: str
    venues: tuple[Recorded, ...]
    yardstick: tuple[Recorded, ...]
    from_ms: int
    until_ms: int
    is_converted: bool = True
    liar: tuple[str, str] | None = None
    warm_ms: int = 0

    @property
    def honest(self) -> tuple[str, ...]:
        """Its venues whose prices, as replayed, are recorded prices of their time."""
        liar = self.liar[0] if self.liar else ""
        return tuple(venue.name for venue in self.venues if venue in self.yardstick and venue.name != liar)

    def of_days(self, from_ms: int | None, until_ms: int | None) -> Plan:
        """The same over a shorter period, the rule starting without a memory where it is cut short."""
        shorter_ms = self.from_ms if from_ms is None else max(self.from_ms, from_ms)
        end_ms = self.until_ms if until_ms is None else min(self.until_ms, until_ms)
        return replace(self, from_ms=shorter_ms, until_ms=end_ms)


def midnight_ms(day: str) -> int:
    """The start of a day of UTC, written YYYY-MM-DD. Raises ValueError."""
    return int(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()) * 1_000


_FIVE: Final = (r.BINANCE, r.KUCOIN, r.BINANCE_US, r.COINBASE, r.KRAKEN)
_USD_COINS: Final = (r.BYBIT_USD_COIN, r.BINANCE_US_USD_COIN, r.KRAKEN_USD_COIN)
_ALL_OF_MARCH: Final = (*_FIVE, r.CRYPTO_COM, r.KRAKEN_TETHER, r.COINBASE_TETHER, *_USD_COINS)
_AT_THE_HALT: Final = (r.BINANCE, r.BINANCE_PERPETUAL, r.KUCOIN, r.KRAKEN_TETHER, r.KRAKEN)


def _march(name: str, meaning: str, venues: tuple[Recorded, ...], **more: object) -> Plan:
    days = (midnight_ms("2023-03-01"), midnight_ms("2023-03-22"))
    return replace(Plan(name, meaning, venues, _ALL_OF_MARCH, *days), **more)


def _rate(name: str, currency: str) -> Plan:
    venues = r.RATE_VENUES[currency]
    meaning = f"what a {currency} is worth, by {' and '.join(venue.name for venue in venues)}"
    return _march(name, meaning, venues, yardstick=(), is_converted=False)


def _plans() -> list[Plan]:
    five = "three venues in USDT, two in USD"
    eight, coins = f"{five}, three in USDC", "two venues in USD, three in USDC"
    return [
        _rate("usdt-usd", r.TETHER),
        _rate("usdc-usd", r.USD_COIN),
        _march("five", five, _FIVE),
        _march("five-as-written", f"{five}; nothing converted", _FIVE, is_converted=False),
        _march("eight", eight, (*_FIVE, *_USD_COINS)),
        _march("eight-as-written", f"{eight}; nothing converted", (*_FIVE, *_USD_COINS), is_converted=False),
        _march("coins", coins, (r.COINBASE, r.KRAKEN, *_USD_COINS)),
        _march(
            "coins-as-written", f"{coins}; nothing converted", (r.COINBASE, r.KRAKEN, *_USD_COINS), is_converted=False
        ),
        *(
            _march(lie, f"the five, Kraken's prices MADE UP: {meaning}", _FIVE, liar=(r.KRAKEN.name, lie))
            for lie, meaning in MEANINGS.items()
        ),
        Plan(
            "halt",
            "Binance spot halts; no rate was recorded, so nothing is converted, and the yardstick is the other four",
            _AT_THE_HALT,
            tuple(venue for venue in _AT_THE_HALT if venue is not r.BINANCE),
            midnight_ms("2023-03-24"),
            midnight_ms("2023-03-25"),
            is_converted=False,
            warm_ms=2 * DAY_MS,
        ),
    ]


PLANS: Final[Mapping[str, Plan]] = {plan.name: plan for plan in _plans()}
