"""What venues change about candles that were final: a close agreed again from the corrected reports (rules.md 2 and 5).

Only a venue that had reported may correct itself: a candle that turns up late fills nothing. A corrected close is
judged by what was known about the venues then, and teaches nothing: later closes were judged without it, and stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from neurons.market.health import VenueHealth
from neurons.market.settling import AgreedClose, Seen
from neurons.ports import Candle, CandlePage
from protocol.rules.price_history import PriceHistory
from protocol.rules.prices import PriceReport, agree_close
from protocol.units import UnixMs


@dataclass(slots=True)
class _Settled:
    """A close as it stands, and what the venues were judged by when it was first agreed."""

    close: AgreedClose
    before: PriceHistory


class Corrections:
    """The closes of the last `reach_ms`, each ready to be agreed again."""

    def __init__(self, health: Mapping[str, VenueHealth], *, step_ms: int, reach_ms: int) -> None:
        """reach_ms: how far before the newest close a correction is still looked for."""
        self._health, self._step_ms, self.reach_ms = health, step_ms, reach_ms
        self._settled: dict[int, _Settled] = {}

    @property
    def since_ms(self) -> UnixMs | None:
        """The open of the oldest candle that is looked at again; None while there is none."""
        return UnixMs(min(self._settled) - self._step_ms) if self._settled else None

    def note(self, close: AgreedClose, before: PriceHistory) -> None:
        """Takes a close just settled, the newest of all, and the history that judged it."""
        self._settled[close.close_at_ms] = _Settled(close, before)
        for at_ms in list(self._settled):
            if at_ms > close.close_at_ms - self.reach_ms:
                break
            del self._settled[at_ms]

    def restate(self, close: AgreedClose) -> None:
        """Takes a close as it stands after a correction; one that is too old to be held changes nothing."""
        if close.close_at_ms in self._settled:
            self._settled[close.close_at_ms].close = close

    def learn(self, venue: str, shown: CandlePage, *, now_ms: UnixMs) -> Sequence[AgreedClose]:
        """Compares what a venue shows now with what it reported: the closes that come out otherwise, oldest first."""
        corrected = []
        for candle in shown.candles:
            known = self._settled.get(candle.open_time_ms + self._step_ms)
            if known is None:
                continue
            own = [report for report in known.close.reports if report.venue == venue]
            if own and own[-1].close_e8 != candle.close_e8:
                self._note_change(venue, candle, own[-1])
                again = self._agreed_again(known, replace(own[-1], close_e8=candle.close_e8, received_at_ms=now_ms))
                again = replace(again, seen={**again.seen, venue: Seen(candle, shown.origin, shown.raw_sha256)})
                if again.close_e8 != known.close.close_e8:
                    again = replace(again, revision=known.close.revision + 1)
                    corrected.append(again)
                known.close = again
        return corrected

    def _agreed_again(self, known: _Settled, report: PriceReport) -> AgreedClose:
        reports = (*known.close.reports, report)
        return replace(known.close, agreement=agree_close(reports, known.before), reports=reports)

    def _note_change(self, venue: str, candle: Candle, told: PriceReport) -> None:
        health = self._health[venue]
        health.revised += 1
        health.last_problem = (
            f"{venue}: its final candle at {candle.open_time_ms} closed at {told.close_e8}, now at {candle.close_e8}"
        )
