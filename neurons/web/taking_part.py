"""On which horizons a key takes part, from what its log says: a submission counts once it has left quarantine.

    submitted at t ........ delay ........ active ........ withdrawn at u ........ delay ........ not active

The log is read whenever it is asked for and keeps its newest lines only, so what was learnt from it stays here: a
few instants a horizon, however often its scenarios were replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from protocol.messages import NoticeLine
from protocol.rules.stream_names import horizon_name
from protocol.rules.stream_records import Operation
from protocol.units import SECOND_MS, UnixMs

_ABOUT: Final = re.compile(r"name (\S+?), delay ([0-9]{1,7})(?:,|$)")
_ENDS: Final = frozenset({Operation.WITHDRAW, Operation.CANCEL, Operation.BANKRUPTCY})
MOST_WORDS: Final = 64
"""Words kept of one horizon: more are of somebody who submits and withdraws without end."""


@dataclass(frozen=True, slots=True, order=True)
class Word:
    """A submission, or a withdrawal, at a horizon."""

    at_ms: UnixMs
    is_withdrawal: bool
    name: str
    delay: int

    @property
    def counts_from_ms(self) -> UnixMs:
        """When it has left quarantine."""
        return UnixMs(self.at_ms + self.delay * SECOND_MS)


def word_of(notice: NoticeLine) -> Word | None:
    """What a line of a key's log says of a horizon; None when it is about something else."""
    about = _ABOUT.match(notice.about)
    if about is None or notice.operation not in (Operation.SUBMIT, *_ENDS):
        return None
    return Word(notice.at_ms, notice.operation in _ENDS, about[1], int(about[2]))


@dataclass
class TakingPart:
    """One key's horizons."""

    _words: dict[tuple[str, int], list[Word]] = field(default_factory=dict)
    """By horizon, in their order."""

    def learn(self, notices: Iterable[NoticeLine]) -> None:
        """Takes in lines of the key's log, in any order, known ones too."""
        for word in filter(None, map(word_of, notices)):
            self._words.setdefault((word.name, word.delay), []).append(word)
        self._words = {horizon: _taking_turns(words) for horizon, words in self._words.items()}

    def horizons(self, *, now_ms: int, streams: Mapping[str, UnixMs]) -> list[str]:
        """Where the key takes part, such as "70::cop.json", in the order of streams and delays.

        streams: live ones, with when each was created; what was said to an earlier stream of a name counts no more.
        """
        active = []
        for (name, delay), words in sorted(self._words.items()):
            since_ms = streams.get(name)
            said = [
                one for one in words if one.counts_from_ms <= now_ms and since_ms is not None and one.at_ms >= since_ms
            ]
            if said and not said[-1].is_withdrawal:
                active.append(horizon_name(name, delay))
        return active


def _taking_turns(words: Iterable[Word]) -> list[Word]:
    """Words in their order; of equal ones in a row the first, from which on they count, and the newest."""
    kept: list[Word] = []
    for word in sorted(set(words)):
        if len(kept) >= 2 and kept[-2].is_withdrawal == kept[-1].is_withdrawal == word.is_withdrawal:
            kept.pop()
        kept.append(word)
    return kept[-MOST_WORDS:]
