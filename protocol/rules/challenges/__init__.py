"""The kinds of question the network can ask, behind one interface.

A kind says what is asked, which submissions are sound, which of them count, what they cost their senders once the
truth is known, and how pay follows from that. Everything else - envelopes, admission, storage, the life of a round,
the ledger - is the same for all kinds and knows none of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from protocol.errors import InvalidRequest
from protocol.messages import Answer, CommitRequest, Opening
from protocol.params import NetworkParams
from protocol.units import Hotkey, Nano, NanoReturns

VALID = "valid"
SILENT = "silent"
UNREVEALED = "unrevealed"

SubjectT_contra = TypeVar("SubjectT_contra", contravariant=True)
TruthT_contra = TypeVar("TruthT_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Entry:
    """One submission as the rules see it.

    sequence: counts the submissions of one hotkey to one subject.  status: VALID, or the code of what was wrong.
    answer: the quantised numbers of a valid one, shape (m, steps), else None.
    """

    hotkey: Hotkey
    sequence: int
    received_at_ms: int
    status: str
    answer: NanoReturns | None


@dataclass(frozen=True, slots=True)
class MinerScore:
    """One miner's part in a scored round. gain = baseline loss - loss; 0 for the silent, who have no loss."""

    hotkey: Hotkey
    status: str
    loss_nano: Nano
    gain_nano: Nano


@dataclass(frozen=True, slots=True)
class RoundScores:
    """Everybody's scores of one round, by hotkey, and the baseline's loss that they are measured against."""

    baseline_loss_nano: Nano
    scores: tuple[MinerScore, ...]


class Kind(Protocol[SubjectT_contra, TruthT_contra]):
    """A kind of question. Pure: the same arguments give the same result on every machine."""

    @property
    def pulled(self) -> bool:
        """True when validators dial miners for answers; False when submissions are only pushed."""
        ...

    def ask(self, subject: SubjectT_contra) -> CommitRequest | None:
        """What a validator sends to ask for a commitment; None for a kind that is only pushed."""
        ...

    def validate(self, subject: SubjectT_contra, answer: Answer) -> NanoReturns:
        """The answer as settled numbers. Raises InvalidAnswer (the miner's fault)."""
        ...

    def select(self, subject: SubjectT_contra, entries: Sequence[Entry]) -> Mapping[Hotkey, Entry]:
        """Which submission counts for each hotkey: the first, the latest in force, the chosen one."""
        ...

    def score(
        self,
        subject: SubjectT_contra,
        selected: Mapping[Hotkey, Entry],
        participants: Sequence[Hotkey],
        truth: TruthT_contra,
    ) -> RoundScores:
        """Everybody's loss and gain once the truth is known; participants are all who were asked."""
        ...


def kind_of(params: NetworkParams, challenge: str) -> Kind[Opening, object]:
    """The kind that answers a challenge by its name. Raises InvalidRequest (theirs) for a name these params lack."""
    from protocol.rules.challenges.closes import Closes

    if not params.has(challenge):
        known = ", ".join(c.name for c in params.challenges)
        raise InvalidRequest(f"no challenge is called {challenge!r}; these params know {known}", field="challenge")
    return Closes(params.loss)
