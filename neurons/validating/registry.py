"""Who may answer: the registered miners, their standing, and what an offence costs.

A mirror of the store's `miners` table, so that the gate never waits for a read. Whoever changes it gets the row to
store with the change that caused it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from neurons.records import MinerRow
from protocol.admission import SenderStanding
from protocol.params import MAIN, StandingParams
from protocol.units import Hotkey, UnixMs

LONGEST_DOUBLING: Final = 16
"""Beyond this many doublings every suspension is the longest."""


class Registry:
    """Registered miners by hotkey. Suspension doubles with every further offence, up to the longest."""

    def __init__(self, rows: Iterable[MinerRow] = (), *, standing: StandingParams = MAIN.standing) -> None:
        self._rows = {row.hotkey: row for row in rows}
        self._standing = standing

    def __len__(self) -> int:
        return len(self._rows)

    def hotkeys(self) -> frozenset[Hotkey]:
        """Everybody who ever registered."""
        return frozenset(self._rows)

    def get(self, hotkey: Hotkey) -> MinerRow | None:
        return self._rows.get(hotkey)

    def register(self, hotkey: Hotkey, endpoint: str, challenges: tuple[str, ...], *, now_ms: UnixMs) -> MinerRow:
        """The miner's row after it registered: a known miner keeps its date, its offences and its challenges.

        Nobody signs off: a miner that left a challenge before a round is scored, and came back, would leave no trace
        of its silence in it. Whoever is done with a challenge just falls silent. One that is joined later counts from
        then on, however late the rounds before it are scored: who took part in them stays what it was.
        """
        known = self._rows.get(hotkey)
        if known is None:
            row = MinerRow(hotkey, endpoint, challenges, now_ms)
        else:
            new = tuple(challenge for challenge in dict.fromkeys(challenges) if challenge not in known.challenges)
            row = replace(
                known,
                endpoint=endpoint,
                challenges=(*known.challenges, *new),
                joined_at_ms=(*known.joined_at_ms, *(now_ms for _ in new)),
            )
        self._rows[hotkey] = row
        return row

    def offend(self, hotkey: Hotkey, *, now_ms: UnixMs) -> MinerRow | None:
        """One more offence; the row to store, or None for a hotkey nobody registered."""
        known = self._rows.get(hotkey)
        if known is None:
            return None
        offences = known.offences + 1
        until = known.suspended_until_ms
        beyond = offences - 1 - self._standing.offences_forgiven
        if beyond >= 0:
            doubled = self._standing.first_suspension_ms * 2 ** min(beyond, LONGEST_DOUBLING)
            until = now_ms + min(doubled, self._standing.longest_suspension_ms)
        row = replace(known, offences=offences, suspended_until_ms=until)
        self._rows[hotkey] = row
        return row

    def standing_of(self, hotkey: Hotkey) -> SenderStanding:
        """What the gate asks: is this hotkey registered, and until when is it suspended?"""
        known = self._rows.get(hotkey)
        return SenderStanding(known is not None, known.suspended_until_ms if known else 0)

    def participants(self, challenge: str, *, registered_by_ms: int) -> Sequence[MinerRow]:
        """Who is asked in a round: miners that had joined the challenge by then, by hotkey.

        A suspended miner stays a participant (its silence decays its memory); it is just not dialled.
        """
        rows = [
            row
            for row in self._rows.values()
            if (joined_ms := row.joined_ms(challenge)) is not None and joined_ms <= registered_by_ms
        ]
        return sorted(rows, key=lambda row: row.hotkey)
