"""Closes agreed again from their reports, oldest first, with what earlier ones taught about each venue."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from neurons.market.evidence import close_of, no_history, row_of
from neurons.records import CloseRow
from neurons.validating.history import CloseHistory
from neurons.validating.replay.findings import Findings
from neurons.validating.replay.words import instant
from protocol.params import NetworkParams
from protocol.rules.prices import agree_close, remember
from protocol.units import Digest, Pico, PriceE8, UnixMs

UNREADABLE = (ValueError, KeyError, TypeError, AttributeError)
"""What reading evidence raises that no validator wrote."""


class ReplayedCloses:
    """One series' closes as their evidence gives them. `history`: what sigma, anchors and truth are read from."""

    def __init__(self, series: str, params: NetworkParams, *, first_ms: UnixMs) -> None:
        self.series, self.history, self.first_ms = series, CloseHistory(series, params), first_ms
        self._params = params
        self._venues = no_history(params)
        self._corrected: dict[UnixMs, Sequence[tuple[UnixMs, PriceE8 | None]]] = {}
        """Instants with more than one revision -> when each was taken, and the close it gives; the first one first."""

    def take(self, revisions: Sequence[CloseRow], findings: Findings) -> None:
        """Agrees one close again in each of its revisions, compares it with its rows, and goes on with the recomputed.

        revisions: the first one first. The newest gives rounds their truth; what venues are judged by is the first.
        """
        before, learnt = self._venues, None
        told = []
        for row in revisions:
            if row.close_at_ms % self._params.time.step_ms:
                where = f"{self.series} {instant(row.close_at_ms)}"
                findings.differ("closes", where, "close_at_ms", row.close_at_ms, "an instant of the grid")
                return
            self._venues = before
            close_e8 = self._agree(row, findings)
            learnt = self._venues if learnt is None else learnt
            told.append((row.agreed_at_ms, close_e8))
            self.history.add(row.close_at_ms, close_e8)
        self._venues = before if learnt is None else learnt
        if len(revisions) > 1:
            self._corrected[revisions[0].close_at_ms] = told

    def sigma(self, until_ms: UnixMs, *, opened_at_ms: UnixMs, history_steps: int = 0) -> tuple[Pico, Digest]:
        """`CloseHistory.sigma` as a round that was opened then had to find it: corrections came later, or before.

        Raises TooLittleHistory.
        """
        later = {
            at: told
            for at, told in self._corrected.items()
            if at <= until_ms and any(taken_ms > opened_at_ms for taken_ms, _ in told[1:])
        }
        for at, told in later.items():
            known = [told[0], *(one for one in told[1:] if one[0] <= opened_at_ms)]
            self.history.add(at, known[-1][1])
        try:
            return self.history.sigma(until_ms, history_steps=history_steps)
        finally:
            for at, told in later.items():
                self.history.add(at, told[-1][1])

    def _agree(self, row: CloseRow, findings: Findings) -> PriceE8 | None:
        """One revision's close as its reports give it, compared with its row."""
        where = f"{self.series} {instant(row.close_at_ms)}"
        findings.checked["closes"] += 1
        try:
            # What was agreed is judged from the reports alone; the stored word on it is only compared.
            stored = close_of(replace(row, close_e8=None, reason="too-few-reports"))
        except UNREADABLE:
            findings.differ("closes", where, "evidence", row.evidence, "the venues' reports")
            self._venues = self._venues.with_reports(row.close_at_ms, {})
            return row.close_e8
        agreement = agree_close(stored.reports, self._venues)
        self._venues = remember(self._venues, row.close_at_ms, agreement)
        again = row_of(
            replace(stored, agreement=agreement),
            series=self.series,
            agreed_at_ms=row.agreed_at_ms,
        )
        if again != row:
            before = findings.total
            findings.compare("closes", where, _fields(row), _fields(again))
            if findings.total == before:
                findings.differ("closes", where, "evidence", row.evidence, again.evidence)
        return agreement.close_e8


def _fields(row: CloseRow) -> dict[str, object]:
    """A close's price and reason, and its verdicts one by one."""
    verdicts = enumerate(json.loads(row.evidence)["verdicts"], start=1)
    told = {f"verdict {number}": json.dumps(verdict, sort_keys=True) for number, verdict in verdicts}
    return {"close_e8": row.close_e8, "reason": row.reason, **told}
