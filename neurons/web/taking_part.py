"""Where a key takes part, as the clients count: from when a submission left quarantine until a withdrawal did.

    submitted at t ........ delay ........ active ........ withdrawn at u ........ delay ........ not active

The validator says what stands; when it came and went the key's log says, of which only the newest lines are kept. So
what was learnt from it stays here: a few instants a horizon, however often its scenarios were replaced.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
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

    def horizons(
        self, *, now_ms: int, standing: Collection[tuple[str, int]], streams: Mapping[str, UnixMs]
    ) -> list[str]:
        """Where the key takes part, such as "70::cop.json", in the order of streams and delays.

        standing: (name, delay) of everything of the key's that is neither withdrawn nor forgotten, quarantined or not,
        as the validator says; what the log knows nothing of is older than it.  streams: live ones, with when each was
        created; what was said to an earlier stream of a name counts no more.
        """
        unknown = [horizon for horizon in standing if horizon not in self._words]
        known = [horizon for horizon in self._words if self._is_active(horizon, now_ms, horizon in standing, streams)]
        return [horizon_name(name, delay) for name, delay in sorted(unknown + known)]

    def _is_active(
        self, horizon: tuple[str, int], now_ms: int, is_standing: bool, streams: Mapping[str, UnixMs]
    ) -> bool:
        since_ms, words = streams.get(horizon[0]), self._words[horizon]
        if since_ms is None:
            return False
        counting = [one for one in words if one.counts_from_ms <= now_ms and one.at_ms >= since_ms]
        submitted = bool(counting) and not counting[-1].is_withdrawal
        return submitted and (is_standing or words[-1].is_withdrawal)


def _taking_turns(words: Iterable[Word]) -> list[Word]:
    """Words in their order; of equal ones in a row the first, from which on they count, and the newest."""
    kept: list[Word] = []
    for word in sorted(set(words)):
        if len(kept) >= 2 and kept[-2].is_withdrawal == kept[-1].is_withdrawal == word.is_withdrawal:
            kept.pop()
        kept.append(word)
    return kept[-MOST_WORDS:]
