"""The sharing window in the store: its sums are written with a round's scores now and then, and a restart begins there.

A checkpoint is a row for each generation that has changed since the one before. It is stored in the change of the round
that completes it, so a crash leaves both or neither, and it names its rounds, so that none is summed twice: a restart
takes back the newest sums that fit the scored rounds, and reads the answers only of the rounds since and of those that
they are compared with. A re-score changes losses and never an answer, so it changes no sums (docs/decisions/0063).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from neurons.ports import StoreReader
from neurons.records import RoundRow, SharingRow
from protocol.rules.similarity import GENERATIONS, DeviationWindow
from protocol.rules.window_sums import decode_anchors, decode_sums, encode_sums
from protocol.units import UnixMs

CHECKPOINTS: Final = 14
"""So many in a generation: every six hours with the windows of MAIN. A restart reads at most so much of answers, and
three hours before it; 256 miners write two to six megabytes each time."""


def sums_due(row: RoundRow, window: DeviationWindow) -> tuple[SharingRow, ...]:
    """What is stored with a round that the window has just taken in: nothing, or all that changed since the last time.

    Due with the first round of a span, however often the node was restarted within it.
    """
    span_ms = max(1, window.generation_ms // CHECKPOINTS)
    before = max((anchor for anchor in window.anchors_at_ms if anchor < row.anchor_at_ms), default=None)
    if before is not None and before // span_ms == row.anchor_at_ms // span_ms:
        return ()
    return tuple(
        SharingRow(row.series, row.challenge, sums.generation, UnixMs(sums.anchors_at_ms[-1]), encode_sums(sums))
        for sums in window.changed_sums()
    )


async def recall_sums(
    store: StoreReader, window: DeviationWindow, scored: Sequence[RoundRow]
) -> list[tuple[RoundRow, bool]]:
    """Takes stored sums back into an empty window: the newest that hold every scored round up to their last.

    scored: one challenge's scored rounds, oldest first, from where the newest's window begins.
    Returns those of them whose answers the window still has to see, oldest first, each with whether it is to be summed
    (`add`) or only held.
    """
    if not scored:
        return []
    newest = scored[-1].anchor_at_ms
    oldest_ms = (newest // window.generation_ms - GENERATIONS + 1) * window.generation_ms
    within = {int(row.anchor_at_ms) for row in scored if row.anchor_at_ms >= oldest_ms}
    rows = await _fitting(store, scored[-1], within)
    window.recall(decode_sums(row.sums) for row in rows)
    missing = within.difference(window.anchors_at_ms)
    since_ms = window.held_from_ms(min(missing, default=newest))
    return [(row, row.anchor_at_ms in missing) for row in scored if row.anchor_at_ms >= since_ms]


async def _fitting(store: StoreReader, newest: RoundRow, within: set[int]) -> Sequence[SharingRow]:
    """The newest sums in which no scored round is missing that is older than their last one."""
    before_ms = newest.anchor_at_ms + 1
    while True:
        rows = await store.sharing(newest.series, newest.challenge, from_ms=min(within), before_ms=before_ms)
        summed = {anchor for row in rows for anchor in decode_anchors(row.sums)}
        odd = summed ^ {anchor for anchor in within if anchor <= max(summed, default=-1)}
        if not odd:
            return rows
        before_ms = UnixMs(min(odd))
