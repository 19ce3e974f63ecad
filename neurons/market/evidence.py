"""An agreed close as a stored row, and back: the evidence holds every venue's report and what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterable

from neurons.market.settling import AgreedClose
from neurons.records import CloseRow
from protocol.params import NetworkParams
from protocol.rules.price_history import PriceHistory
from protocol.rules.prices import Agreement, PriceReport, Reason, VenueVerdict, Verdict, remember
from protocol.units import PriceE8, UnixMs


def row_of(close: AgreedClose, *, series: str, agreed_at_ms: UnixMs, revision: int = 0) -> CloseRow:
    """The row to store. Its evidence is canonical JSON: ASCII, sorted keys, no blanks, integers only."""
    evidence = {
        "reports": [
            {"venue": report.venue, "close_e8": report.close_e8, "received_at_ms": report.received_at_ms}
            for report in close.reports
        ],
        "verdicts": [
            {"venue": v.venue, "close_e8": v.close_e8, "adjusted_e8": v.adjusted_e8, "verdict": v.verdict.value}
            for v in close.agreement.verdicts
        ],
    }
    return CloseRow(
        series=series,
        close_at_ms=close.close_at_ms,
        revision=revision,
        close_e8=close.close_e8,
        reason=close.reason,
        evidence=json.dumps(evidence, sort_keys=True, separators=(",", ":")).encode("ascii"),
        agreed_at_ms=agreed_at_ms,
    )


def close_of(row: CloseRow) -> AgreedClose:
    """What `row_of` stored. Raises ValueError or KeyError (ours) for a row that it did not write."""
    evidence = json.loads(row.evidence)
    reports = tuple(
        PriceReport(r["venue"], PriceE8(r["close_e8"]), UnixMs(r["received_at_ms"])) for r in evidence["reports"]
    )
    verdicts = tuple(
        VenueVerdict(
            v["venue"],
            PriceE8(v["close_e8"]),
            None if v["adjusted_e8"] is None else PriceE8(v["adjusted_e8"]),
            Verdict(v["verdict"]),
        )
        for v in evidence["verdicts"]
    )
    return AgreedClose(row.close_at_ms, Agreement(row.close_e8, Reason(row.reason), verdicts), reports)


def history_of(rows: Iterable[CloseRow], params: NetworkParams) -> PriceHistory:
    """What stored closes teach about venues, oldest row first.

    Two windows of rows (`basis_window_steps` each) give the same history as all of them.
    """
    history = no_history(params)
    for row in rows:
        history = remember(history, row.close_at_ms, close_of(row).agreement)
    return history


def no_history(params: NetworkParams) -> PriceHistory:
    """Where a first start begins."""
    return PriceHistory(params.time.step_ms, params.truth.basis_window_steps)
