"""When a series' market trades: at which instants of the grid a close is to be expected.

An instant is in session when its candle's last moment lies in one: after the session's opening and up to its close,
that instant included. Local times become UTC by the zone's own rules, so daylight saving moves sessions, not the grid.
What a calendar says of a round is written into the round's opening record; nothing that settles asks a calendar again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, Protocol, cast
from zoneinfo import ZoneInfo

from protocol.units import DAY_MS, UnixMs

Session = tuple[datetime, datetime]

NEW_YORK: Final = ZoneInfo("America/New_York")
DAY: Final = timedelta(days=1)
FX_TURN: Final = time(17)
"""One foreign exchange day ends and the next begins at five in the afternoon of New York."""
FX_HOLIDAYS: Final = ((1, 1), (12, 25))
"""Month and day of the trading days that banks everywhere keep free, unless they fall on a weekend."""
STOCKS_OPEN, STOCKS_CLOSE, STOCKS_CLOSE_EARLY = time(9, 30), time(16), time(13)
LONGEST_REST_MS: Final = 7 * DAY_MS
"""No calendar here rests longer."""


class TradingCalendar(Protocol):
    """When one market trades."""

    @property
    def name(self) -> str: ...

    def is_open(self, close_at_ms: int) -> bool:
        """Whether a candle that ends then ends in session."""
        ...

    def closes_between(self, from_ms: int, to_ms: int, *, step_ms: int) -> Sequence[UnixMs]:
        """The grid instants with from_ms <= instant <= to_ms that are in session, oldest first."""
        ...


class AlwaysOpen:
    """A market that never rests."""

    name: Final = "24/7"

    def is_open(self, close_at_ms: int) -> bool:
        """Always."""
        return True

    def closes_between(self, from_ms: int, to_ms: int, *, step_ms: int) -> Sequence[UnixMs]:
        """Every grid instant, as a range: thirty days of them cost nothing."""
        return cast("Sequence[UnixMs]", range(-(-from_ms // step_ms) * step_ms, to_ms + 1, step_ms))


class SessionCalendar:
    """A market of one session a trading day, in New York's time."""

    def __init__(self, name: str, session_of: Callable[[date], Session | None]) -> None:
        """session_of: a trading day -> when its session opens and closes (with zone), or None when there is none.

        A session lies on its day, or begins on the day before.
        """
        self.name, self._session_of = name, lru_cache(maxsize=4_096)(session_of)

    def is_open(self, close_at_ms: int) -> bool:
        """Whether a session holds the instant. Its opening is not in it: the candle that ends there came before."""
        local = _local_day(close_at_ms)
        spans = (self._span_ms(day) for day in (local, local + DAY))
        return any(opens < close_at_ms <= closes for opens, closes in spans)

    def closes_between(self, from_ms: int, to_ms: int, *, step_ms: int) -> Sequence[UnixMs]:
        """As `TradingCalendar`, a session at a time."""
        found: list[UnixMs] = []
        day, last = _local_day(from_ms), _local_day(to_ms) + DAY
        while day <= last:
            opens, closes = self._span_ms(day)
            first = max(opens // step_ms * step_ms + step_ms, -(-from_ms // step_ms) * step_ms)
            found += (UnixMs(at) for at in range(first, min(closes, to_ms) + 1, step_ms))
            day += DAY
        return found

    def _span_ms(self, day: date) -> tuple[int, int]:
        """The day's session in epoch ms; an empty one where there is none."""
        session = self._session_of(day)
        if session is None:
            return 0, 0
        opens, closes = session
        return int(opens.timestamp() * 1_000), int(closes.timestamp() * 1_000)


@lru_cache
def calendar_of(name: str) -> TradingCalendar:
    """The calendar of that name. The US stock exchange's holidays are read only when somebody asks for them.

    Raises ValueError (ours) for any other name: settings allow only these.
    """
    if name == "fx":
        return SessionCalendar("fx", _fx_day)
    if name == "XNYS":
        return SessionCalendar("XNYS", _stock_days())
    if name == "24/7":
        return AlwaysOpen()
    raise ValueError(f"no calendar is called {name!r}")


def newest_close_ms(calendar: TradingCalendar, at_ms: int, *, step_ms: int) -> UnixMs:
    """The newest grid instant in session at or before `at_ms`."""
    return calendar.closes_between(at_ms - LONGEST_REST_MS, at_ms, step_ms=step_ms)[-1]


def next_close_ms(calendar: TradingCalendar, at_ms: int, *, step_ms: int) -> UnixMs:
    """The first grid instant in session at or after `at_ms`."""
    if calendar.is_open(at_ms) and at_ms % step_ms == 0:
        return UnixMs(at_ms)
    return calendar.closes_between(at_ms, at_ms + LONGEST_REST_MS, step_ms=step_ms)[0]


def _fx_day(day: date) -> Session | None:
    """Monday to Friday, each from 17:00 of the day before: one unbroken week from Sunday to Friday."""
    if day.weekday() >= 5 or (day.month, day.day) in FX_HOLIDAYS:
        return None
    return datetime.combine(day - DAY, FX_TURN, NEW_YORK), datetime.combine(day, FX_TURN, NEW_YORK)


def _stock_days() -> Callable[[date], Session | None]:
    """The regular session of the New York Stock Exchange, closed and shortened as the exchange has announced."""
    from holidays.financial.ny_stock_exchange import NewYorkStockExchange

    closed = NewYorkStockExchange(categories=("public",))  # type: ignore[no-untyped-call]
    shortened = NewYorkStockExchange(categories=("half_day",))  # type: ignore[no-untyped-call]

    def session_of(day: date) -> Session | None:
        if day.weekday() >= 5 or day in closed:
            return None
        ends = STOCKS_CLOSE_EARLY if day in shortened else STOCKS_CLOSE
        return datetime.combine(day, STOCKS_OPEN, NEW_YORK), datetime.combine(day, ends, NEW_YORK)

    return session_of


def _local_day(at_ms: int) -> date:
    return datetime.fromtimestamp(at_ms / 1_000, NEW_YORK).date()
