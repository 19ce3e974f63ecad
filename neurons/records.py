"""The rows a node keeps: plain frozen dataclasses, equal in every store.

A `Change` is a bag of rows that becomes durable all at once or not at all. Every row has a natural key; writing
the same row twice changes nothing, so a retry after a crash is harmless:

- insert-once rows keep the FIRST row of a key (commitments, submissions, drafts, transactions, nonces, replies);
- upsert rows keep the LAST row of a key (meta, miners, closes, rounds, scores, pays, epochs, sharing, feedback);
- refusals are counted: writing one adds its count to the stored one.

A row that names a round's series, challenge or anchor repeats the round's own: the round's id is made of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import chain
from operator import attrgetter
from typing import Any, Final

from neurons.stream_records import NO_STREAM_CHANGE, StreamChange, joined_streams
from protocol.messages import Answer
from protocol.rules.ledger import Transaction
from protocol.units import Digest, Hotkey, Micros, Nano, Pico, PriceE8, RoundId, UnixMs


@dataclass(frozen=True, slots=True)
class MetaRow:
    """key -> value: network, params in canonical bytes by digest, label of the market, schema notes. Upsert."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class MinerRow:
    """A registered miner. Key: hotkey. Upsert.

    `joined_at_ms`: when each of the last so many challenges was joined; those before them, at the registration.
    """

    hotkey: Hotkey
    endpoint: str
    challenges: tuple[str, ...]
    registered_at_ms: UnixMs
    offences: int = 0
    suspended_until_ms: int = 0
    joined_at_ms: tuple[UnixMs, ...] = ()

    def joined_ms(self, challenge: str) -> UnixMs | None:
        """Since when it takes part in a challenge; None when it does not."""
        if challenge not in self.challenges:
            return None
        later = self.challenges.index(challenge) - (len(self.challenges) - len(self.joined_at_ms))
        return self.joined_at_ms[later] if later >= 0 else self.registered_at_ms


@dataclass(frozen=True, slots=True)
class CloseRow:
    """An agreed close, or the word that there is none. Key: series, close_at_ms, revision. Upsert.

    `evidence`: canonical JSON of every venue's report and verdict. `agreed_at_ms`: of a correction (revision > 0),
    when this node took it: rounds opened before then know the revision before.
    """

    series: str
    close_at_ms: UnixMs
    revision: int
    close_e8: PriceE8 | None
    reason: str
    evidence: bytes
    agreed_at_ms: UnixMs


@dataclass(frozen=True, slots=True)
class RoundRow:
    """A round and where it stands. Key: round_id. Upsert.

    `opening`: the encoded Opening message. `due_at_ms`: when something next has to happen to it (None: nothing more).
    `provenance`: 'live' or 'fast-forward'. `revision`: how often a correction of a close has re-scored it.
    """

    round_id: RoundId
    series: str
    challenge: str
    anchor_at_ms: UnixMs
    params_digest: Digest
    state: str
    due_at_ms: UnixMs | None
    opening: bytes
    sigma_pico: Pico
    provenance: str
    reason: str = ""
    anchor_close_e8: PriceE8 | None = None
    resolved_at_ms: UnixMs | None = None
    truth_digest: Digest | None = None
    baseline_loss_nano: Nano | None = None
    revision: int = 0


@dataclass(frozen=True, slots=True)
class CommitmentRow:
    """A miner's commitment. Key: round_id, hotkey. First one stays. `evidence`: the signed envelope as it came."""

    round_id: RoundId
    hotkey: Hotkey
    commitment: Digest
    received_at_ms: UnixMs
    evidence: bytes


@dataclass(frozen=True, slots=True)
class SubmissionRow:
    """An answer as it came, valid or not. Key: round_id, hotkey, sequence (0 for `closes`). First one stays.

    `status`: 'valid' or the code of the error that refused it; `reason`: its sentence. `answer` is None when
    what came could not be read as one. `evidence`: the signed envelope; a store may keep the answer's bytes once.
    """

    round_id: RoundId
    hotkey: Hotkey
    sequence: int
    received_at_ms: UnixMs
    status: str
    reason: str
    answer: Answer | None
    salt: bytes
    evidence: bytes


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One miner's loss in one resolved round. Key: round_id, hotkey. Upsert (a re-score replaces).

    `status`: valid | silent | the code of what was wrong. gain = baseline loss - capped loss; 0 when silent.
    """

    round_id: RoundId
    hotkey: Hotkey
    series: str
    challenge: str
    anchor_at_ms: UnixMs
    status: str
    loss_nano: Nano
    baseline_loss_nano: Nano
    gain_nano: Nano


@dataclass(frozen=True, slots=True)
class Tally:
    """One miner's scores, counted: rounds, those with a valid answer, the sum of its gains. Not a row of its own."""

    rounds: int
    valid: int
    gain_sum_nano: int


@dataclass(frozen=True, slots=True)
class PayRow:
    """The arithmetic of one accrual. Key: round_id, hotkey. Upsert.

    `detail`: canonical JSON of every figure used (neurons/validating/accruals.py); empty once retention let it go.
    """

    round_id: RoundId
    hotkey: Hotkey
    series: str
    challenge: str
    anchor_at_ms: UnixMs
    epoch: int
    skill_nano: Nano
    divisor_nano: Nano
    shared_skill_nano: Nano
    accrued_micros: Micros
    detail: str


@dataclass(frozen=True, slots=True)
class EpochRow:
    """An epoch of one challenge's pool, once closed. Key: series, challenge, epoch. Upsert."""

    series: str
    challenge: str
    epoch: int
    closed_at_ms: UnixMs
    paid_micros: Micros
    reserve_micros: Micros


@dataclass(frozen=True, slots=True)
class SharingRow:
    """One generation of a challenge's sharing window, with every round of it up to the one anchored at `through_ms`.

    Key: series, challenge, generation, through_ms. Upsert. `sums`: as protocol/rules/window_sums.py writes them.
    """

    series: str
    challenge: str
    generation: int
    through_ms: UnixMs
    sums: bytes


@dataclass(frozen=True, slots=True)
class NonceRow:
    """A nonce that has been acted on. Key: all of it. Pruned once expired.

    The gate lets a nonce in again only when its first message has expired; then both are kept.
    """

    hotkey: Hotkey
    nonce: bytes
    expires_at_ms: UnixMs


@dataclass(frozen=True, slots=True)
class ReplyRow:
    """The reply once given to a request, returned again to a retry. Key: request = SHA-256(sender, purpose, body)."""

    request: Digest
    reply: bytes
    expires_at_ms: UnixMs


@dataclass(frozen=True, slots=True)
class RefusalRow:
    """Refusals of one kind from one sender in one hour, counted, with the newest sentence. Key: all but count, detail.

    Writing one ADDS its count to the stored one. hotkey is None when the sender is not proved.
    """

    hour_ms: UnixMs
    code: str
    hotkey: Hotkey | None
    count: int
    detail: str


@dataclass(frozen=True, slots=True)
class DraftRow:
    """A miner's own answer, stored before it is first sent. Key: round_id. First one stays: it is resent unchanged."""

    round_id: RoundId
    series: str
    challenge: str
    anchor_at_ms: UnixMs
    salt: bytes
    answer: Answer
    commitment: Digest
    model: str
    made_at_ms: UnixMs


@dataclass(frozen=True, slots=True)
class FeedbackRow:
    """What a validator said of one of our answers. Key: round_id, validator. Upsert. `body`: the encoded request."""

    round_id: RoundId
    validator: Hotkey
    received_at_ms: UnixMs
    body: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """Rows that become durable together. Empty fields cost nothing."""

    meta: tuple[MetaRow, ...] = ()
    miners: tuple[MinerRow, ...] = ()
    closes: tuple[CloseRow, ...] = ()
    rounds: tuple[RoundRow, ...] = ()
    commitments: tuple[CommitmentRow, ...] = ()
    submissions: tuple[SubmissionRow, ...] = ()
    scores: tuple[ScoreRow, ...] = ()
    pays: tuple[PayRow, ...] = ()
    epochs: tuple[EpochRow, ...] = ()
    sharing: tuple[SharingRow, ...] = ()
    transactions: tuple[Transaction, ...] = ()
    nonces: tuple[NonceRow, ...] = ()
    replies: tuple[ReplyRow, ...] = ()
    refusals: tuple[RefusalRow, ...] = ()
    drafts: tuple[DraftRow, ...] = ()
    feedback: tuple[FeedbackRow, ...] = ()
    open_streams: StreamChange = NO_STREAM_CHANGE

    def __bool__(self) -> bool:
        return self is not NO_CHANGE and any(_ROWS_OF(self))


NO_CHANGE: Final = Change()
_ROWS_OF: Final = attrgetter(*(field.name for field in fields(Change)))


def joined(changes: Sequence[Change]) -> Change:
    """Several changes as one, the rows of each table in their order: all of them become durable or none."""
    rows: dict[str, Any] = {
        field.name: tuple(chain.from_iterable(getattr(change, field.name) for change in changes))
        for field in fields(Change)
        if field.name != "open_streams"
    }
    return Change(**rows, open_streams=joined_streams(change.open_streams for change in changes))
