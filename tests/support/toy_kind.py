"""A kind of question that lives only here: a number that stays in force until its sender replaces it.

It shows that the house has room for standing submissions: pushed, with sequence numbers, several of one hotkey, the
latest before the cut-off counting for every round from then on. Nothing of it is asked for, and nobody is silent who
once said something. The truth is one number; the loss is the distance to it, the baseline says 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from protocol.answers import answer_array
from protocol.errors import InvalidAnswer
from protocol.messages import Answer
from protocol.rules.challenges import SILENT, Entry, MinerScore, RoundScores
from protocol.units import NANO, Hotkey, Nano, NanoReturns, UnixMs


@dataclass(frozen=True, slots=True)
class Subject:
    """What a round of this kind is about: its cut-off, and how long a submission may have stood by then."""

    cut_off_ms: UnixMs
    stands_for_ms: int


@dataclass(frozen=True, slots=True)
class StandingNumber:
    """The kind itself: `Kind[Subject, Nano]`."""

    pulled: bool = False

    def ask(self, subject: Subject) -> None:
        """Nobody is asked: submissions are only pushed."""

    def validate(self, subject: Subject, answer: Answer) -> NanoReturns:
        """One float64 in [0, 1], as nano of shape (1, 1). Raises InvalidAnswer."""
        numbers = answer_array(answer)
        if answer.dtype != "float64" or answer.shape != (1,):
            raise InvalidAnswer(f"want one float64, was {answer.dtype} of shape {answer.shape}", field="shape")
        if not np.isfinite(numbers).all() or not 0.0 <= numbers[0] <= 1.0:
            raise InvalidAnswer(f"want a number in [0, 1], was {numbers[0]}", field="values")
        return np.rint(numbers.reshape(1, 1) * NANO).astype(np.int64)

    def select(self, subject: Subject, entries: Sequence[Entry]) -> Mapping[Hotkey, Entry]:
        """The latest of each hotkey before the cut-off that still stands; an unsound one replaces nothing."""
        in_force: dict[Hotkey, Entry] = {}
        for entry in sorted(entries, key=lambda e: e.sequence):
            age_ms = subject.cut_off_ms - entry.received_at_ms
            if entry.answer is not None and 0 < age_ms <= subject.stands_for_ms:
                in_force[entry.hotkey] = entry
        return in_force

    def score(
        self, subject: Subject, selected: Mapping[Hotkey, Entry], participants: Sequence[Hotkey], truth: Nano
    ) -> RoundScores:
        """The distance to the truth, against that of 0; nothing said, or nothing that stands, gains nothing."""
        scores = []
        for hotkey in sorted({*participants, *selected}):
            entry = selected.get(hotkey)
            if entry is None or entry.answer is None:
                scores.append(MinerScore(hotkey, SILENT, Nano(0), Nano(0)))
                continue
            loss = Nano(abs(int(entry.answer[0, 0]) - truth))
            scores.append(MinerScore(hotkey, entry.status, loss, Nano(truth - loss)))
        return RoundScores(truth, tuple(scores))
