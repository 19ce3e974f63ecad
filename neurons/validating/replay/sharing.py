"""The kept sums of a sharing window against those that the evidence gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from neurons.records import SharingRow
from neurons.validating.replay.findings import Findings
from protocol.params import SharingParams
from protocol.rules.similarity import DeviationWindow
from protocol.rules.window_sums import decode_sums

SUMS_GONE: Final = "sums of the sharing window that rest on answers that are gone"


def compare_sums(
    stored: Sequence[SharingRow],
    window: DeviationWindow,
    sharing: SharingParams,
    *,
    step_ms: int,
    uncertain_ms: int,
    where: str,
    findings: Findings,
) -> None:
    """Compares what was kept through one round with the window as it is after that round.

    uncertain_ms: the newest scored round of which not every answer could be compared.
    """
    for row in stored:
        first_ms = row.generation * window.generation_ms - max(sharing.lags_steps) * step_ms
        if uncertain_ms >= first_ms:
            findings.leave(SUMS_GONE, where)
            continue
        findings.checked["likeness"] += 1
        again = window.generation_sums(row.generation) if row.generation in window.generations else None
        try:
            told = decode_sums(row.sums)
        except ValueError as error:
            findings.differ("sharing", where, "sums", row.sums, error)
            continue
        if again is None or again.anchors_at_ms[-1] != row.through_ms:
            findings.differ("sharing", where, "row", f"sums of generation {row.generation}", None)
        elif told != again:
            findings.differ("sharing", where, "sums", row.sums, f"other sums over {len(again.anchors_at_ms)} rounds")
