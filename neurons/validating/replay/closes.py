"""Closes agreed again from their reports, oldest first, with what earlier ones taught about each venue."""

from __future__ import annotations

import json
from dataclasses import replace

from neurons.market.evidence import close_of, no_history, row_of
from neurons.market.settling import AgreedClose
from neurons.records import CloseRow
from neurons.validating.history import CloseHistory
from neurons.validating.replay.findings import Findings
from neurons.validating.replay.words import instant
from protocol.params import NetworkParams
from protocol.rules.prices import agree_close, remember
from protocol.units import UnixMs

UNREADABLE = (ValueError, KeyError, TypeError, AttributeError)
"""What reading evidence raises that no validator wrote."""


class ReplayedCloses:
    """One series' closes as their evidence gives them. `history`: what sigma, anchors and truth are read from."""

    def __init__(self, series: str, params: NetworkParams, *, first_ms: UnixMs) -> None:
        self.series, self.history, self.first_ms = series, CloseHistory(series, params), first_ms
        self._params = params
        self._venues = no_history(params)

    def take(self, row: CloseRow, findings: Findings) -> None:
        """Agrees one close again, compares it with its row, and goes on with the recomputed one."""
        where = f"{self.series} {instant(row.close_at_ms)}"
        findings.checked["closes"] += 1
        if row.close_at_ms % self._params.time.step_ms:
            findings.differ("closes", where, "close_at_ms", row.close_at_ms, "an instant of the grid")
            return
        try:
            # What was agreed is judged from the reports alone; the stored word on it is only compared.
            reports = close_of(replace(row, close_e8=None, reason="too-few-reports")).reports
        except UNREADABLE:
            findings.differ("closes", where, "evidence", row.evidence, "the venues' reports")
            self._venues = self._venues.with_close(row.close_at_ms, row.close_e8, {})
            self.history.add(row.close_at_ms, row.close_e8)
            return
        agreement = agree_close(reports, self._venues, self._params.truth)
        self._venues = remember(self._venues, row.close_at_ms, agreement)
        self.history.add(row.close_at_ms, agreement.close_e8)
        again = row_of(
            AgreedClose(row.close_at_ms, agreement, reports),
            series=self.series,
            agreed_at_ms=row.agreed_at_ms,
            revision=row.revision,
        )
        if again != row:
            before = findings.total
            findings.compare("closes", where, _fields(row), _fields(again))
            if findings.total == before:
                findings.differ("closes", where, "evidence", row.evidence, again.evidence)


def _fields(row: CloseRow) -> dict[str, object]:
    """A close's price and reason, and its verdicts one by one."""
    verdicts = enumerate(json.loads(row.evidence)["verdicts"], start=1)
    told = {f"verdict {number}": json.dumps(verdict, sort_keys=True) for number, verdict in verdicts}
    return {"close_e8": row.close_e8, "reason": row.reason, **told}
