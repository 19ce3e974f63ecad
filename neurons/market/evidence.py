"""An agreed close as a stored row, and back: the evidence holds every venue's report and what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from neurons.market.settling import Absence, AgreedClose, Seen
from neurons.ports import Candle
from neurons.records import CloseRow
from protocol.params import NetworkParams
from protocol.rules.price_history import PriceHistory
from protocol.rules.prices import Agreement, PriceReport, Reason, VenueVerdict, Verdict, remember
from protocol.units import PriceE8, UnixMs


def row_of(close: AgreedClose, *, series: str, agreed_at_ms: UnixMs) -> CloseRow:
    """The row to store. Its evidence is canonical JSON: ASCII, sorted keys, no blanks, no fractions."""
    evidence = {
        "absent": {venue: why.value for venue, why in close.absent.items()},
        "reports": [_told(report, close.seen.get(report.venue)) for report in close.reports],
        "verdicts": [
            {
                "venue": v.venue,
                "close_e8": v.close_e8,
                "worth_e8": v.worth_e8,
                "adjusted_e8": v.adjusted_e8,
                "verdict": v.verdict.value,
            }
            for v in close.agreement.verdicts
        ],
    }
    return CloseRow(
        series=series,
        close_at_ms=close.close_at_ms,
        revision=close.revision,
        close_e8=close.close_e8,
        reason=close.reason,
        evidence=json.dumps(evidence, sort_keys=True, separators=(",", ":")).encode("ascii"),
        agreed_at_ms=agreed_at_ms,
    )


def close_of(row: CloseRow) -> AgreedClose:
    """What `row_of` stored. Raises ValueError or KeyError (ours) for a row that it did not write."""
    evidence = json.loads(row.evidence)
    reports = tuple(
        PriceReport(r["venue"], PriceE8(r["close_e8"]), UnixMs(r["received_at_ms"]), _price(r["rate_e8"]))
        for r in evidence["reports"]
    )
    verdicts = tuple(
        VenueVerdict(
            v["venue"],
            PriceE8(v["close_e8"]),
            _price(v["worth_e8"]),
            _price(v["adjusted_e8"]),
            Verdict(v["verdict"]),
        )
        for v in evidence["verdicts"]
    )
    seen = {r["venue"]: _seen(r) for r in evidence["reports"] if "candle" in r}
    absent = {venue: Absence(why) for venue, why in evidence["absent"].items()}
    agreement = Agreement(row.close_e8, Reason(row.reason), verdicts)
    return AgreedClose(row.close_at_ms, agreement, reports, seen, absent, row.revision)


def _told(report: PriceReport, seen: Seen | None) -> dict[str, object]:
    """A report and the candle it was read from, open, high and low beside its close, the volume as text."""
    told: dict[str, object] = {
        "venue": report.venue,
        "close_e8": report.close_e8,
        "received_at_ms": report.received_at_ms,
        "rate_e8": report.rate_e8,
    }
    if seen is None or seen.candle.close_e8 != report.close_e8:
        return told
    candle = seen.candle
    prices = [candle.open_time_ms, candle.open_e8, candle.high_e8, candle.low_e8]
    came = {"origin": seen.origin, "sha256": seen.raw_sha256.hex()}
    return {**told, "candle": prices, "volume": repr(candle.volume), **came}


def _seen(told: dict[str, Any]) -> Seen:
    opened_ms, opened, high, low = told["candle"]
    candle = Candle(
        UnixMs(opened_ms),
        PriceE8(opened),
        PriceE8(high),
        PriceE8(low),
        PriceE8(told["close_e8"]),
        float(told["volume"]),
    )
    return Seen(candle, told["origin"], bytes.fromhex(told["sha256"]))


def _price(told: int | None) -> PriceE8 | None:
    return None if told is None else PriceE8(told)


def history_of(rows: Iterable[CloseRow], params: NetworkParams) -> PriceHistory:
    """What stored closes teach about venues, oldest row first; a correction teaches nothing.

    Two windows of rows (`basis_window_steps` each) give the same history as all of them.
    """
    history = no_history(params)
    for row in rows:
        if row.revision:
            continue
        history = remember(history, row.close_at_ms, close_of(row).agreement)
    return history


def no_history(params: NetworkParams) -> PriceHistory:
    """Where a first start begins."""
    return PriceHistory(params.time.step_ms, params.truth)
