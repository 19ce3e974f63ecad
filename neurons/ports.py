"""What a node needs from the world, as small Protocols: each has a contract suite in tests/contracts.

Clock, chance, network, market and store come in through here and nowhere else, so that a day of rounds
runs in a test in a second, and a fake is only used where it has passed the suite of the real thing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from neurons.records import (
    Change,
    CloseRow,
    CommitmentRow,
    DraftRow,
    EpochRow,
    FeedbackRow,
    MinerRow,
    NonceRow,
    PayRow,
    RefusalRow,
    ReplyRow,
    RoundRow,
    ScoreRow,
    SharingRow,
    SubmissionRow,
    Tally,
)
from neurons.stream_records import DaySumRow, EvidenceRow, NoticeRow, SettlementRow, StreamChange
from protocol.errors import NodeFault
from protocol.messages import Purpose
from protocol.rules.ledger import Balances, Transaction
from protocol.rules.skill import BlockSums
from protocol.rules.stream_records import NoticeKind
from protocol.units import Digest, Hotkey, PriceE8, RoundId, UnixMs


class PeerUnreachable(NodeFault):
    """A peer could not be asked: refused, gone, or silent to the deadline. As if the call had not happened."""

    code = "peer-unreachable"


class StoreUnavailable(NodeFault):
    """The store could not write or read (disk full, locked, gone). Nothing of the change was kept; try again later."""

    code = "store-unavailable"


class VenueUnavailable(NodeFault):
    """A venue did not give usable candles: timeout, refusal, nonsense. The reason says which."""

    code = "venue-unavailable"


class Clock(Protocol):
    """Time as the network counts it. A scaled clock runs a demo's day in minutes; a virtual one a test's in a blink."""

    def now_ms(self) -> UnixMs: ...

    async def sleep_until(self, at_ms: int) -> None:
        """Returns at or just after `at_ms`; at once when that has passed."""
        ...

    def timeout(self, ms: int) -> AbstractAsyncContextManager[object]:
        """Raises TimeoutError out of its block when the block takes longer than `ms` of this clock."""
        ...

    def wall_seconds(self, ms: int) -> float:
        """How many seconds of wall time `ms` of this clock take: for deadlines that a library counts."""
        ...


class Entropy(Protocol):
    """Chance: the operating system's in life, seeded in tests."""

    def bytes(self, count: int) -> bytes: ...


class Caller(Protocol):
    """The network, as one who asks sees it: raw envelopes to an endpoint ("host:port") and back."""

    async def call(self, endpoint: str, purpose: Purpose, envelope: bytes, *, timeout_ms: int) -> bytes:
        """The peer's reply envelope as sent (not yet verified).

        Raises PeerUnreachable (nobody answered in time, refused, or broke off) or the peer's refusal as the
        typed Rejected / Ignored that its status names.
        """
        ...

    async def aclose(self) -> None: ...


class Service(Protocol):
    """A node, as the transport sees it: bytes in, bytes out; the transport knows nothing of what they mean."""

    def serves(self) -> Sequence[Purpose]:
        """The unary purposes this node answers."""
        ...

    async def answer(self, purpose: Purpose, envelope: bytes, *, peer: str) -> bytes:
        """The reply envelope. `peer` is the caller's IP address. Raises Rejected, Ignored or NodeFault."""
        ...

    def watch(self, envelope: bytes, *, peer: str) -> AsyncIterator[bytes]:
        """The frames of a Watch stream; raises Rejected or Ignored at the first step when refused."""
        ...


@dataclass(frozen=True, slots=True)
class Candle:
    """One candle of one venue. Prices in 1e-8 of the quote currency; volume in base units, for features only."""

    open_time_ms: UnixMs
    open_e8: PriceE8
    high_e8: PriceE8
    low_e8: PriceE8
    close_e8: PriceE8
    volume: float


@dataclass(frozen=True, slots=True)
class CandlePage:
    """What a venue gave to one question, and how it came: the evidence of a close keeps the last two."""

    candles: tuple[Candle, ...]
    origin: str
    """One of `rest`, `stream` and `memory`."""
    raw_sha256: bytes = b""
    """The digest of the reply's body as received; empty where the candles did not come in one piece."""


class PriceVenue(Protocol):
    """One venue's candles of one symbol and step."""

    @property
    def name(self) -> str: ...

    async def closed_candles(self, *, since_ms: int, limit: int) -> CandlePage:
        """The first final candles from `since_ms` on, oldest first, up to `limit`: see docs/prices.md for "final".

        Gaps stay gaps. A page may be short of its limit and yet not the last; only an empty one says that nothing
        that is final now follows. Raises VenueUnavailable.
        """
        ...

    async def aclose(self) -> None: ...


class Market(Protocol):
    """The agreed closes of one series, as they become final."""

    def closes(self, *, since_ms: int) -> AsyncIterator[CloseRow]:
        """Every grid instant after `since_ms` in order, agreed or missing; waits for what is not final yet.

        Between them, corrections of earlier instants, each with a higher revision than the one before.
        """
        ...


class StoreReader(Protocol):
    """The reading half of a store: all that looking, explaining and replaying need."""

    async def meta(self) -> Mapping[str, str]: ...

    async def miners(self) -> Sequence[MinerRow]:
        """By hotkey."""
        ...

    async def closes(self, series: str, *, from_ms: int, to_ms: int) -> Sequence[CloseRow]:
        """The newest revision of each close with from_ms <= close_at_ms <= to_ms, by time."""
        ...

    async def revisions(self, series: str, close_at_ms: int) -> Sequence[CloseRow]:
        """Every revision of one close, the first one first."""
        ...

    async def round(self, round_id: RoundId) -> RoundRow | None: ...

    async def due_rounds(self, *, now_ms: int, limit: int) -> Sequence[RoundRow]:
        """Rounds with due_at_ms <= now_ms, oldest due first (then by anchor and challenge)."""
        ...

    async def next_due_ms(self) -> UnixMs | None:
        """The earliest due_at_ms of all rounds, or None."""
        ...

    async def rounds(
        self,
        *,
        series: str = "",
        challenge: str = "",
        state: str = "",
        from_ms: int = 0,
        before_ms: int | None = None,
        limit: int = 100,
        newest_first: bool = True,
    ) -> Sequence[RoundRow]:
        """Rounds with from_ms <= anchor_at_ms < before_ms; empty text means any."""
        ...

    async def commitments(self, round_id: RoundId) -> Sequence[CommitmentRow]:
        """In the order they were received (then by hotkey)."""
        ...

    async def submissions(self, round_id: RoundId) -> Sequence[SubmissionRow]:
        """In the order they were received (then by hotkey and sequence)."""
        ...

    async def counts(self, round_ids: Sequence[RoundId]) -> Mapping[RoundId, tuple[int, int]]:
        """round -> (commitments, valid submissions), for every round asked about."""
        ...

    async def round_counts(self) -> Mapping[tuple[str, str], int]:
        """(challenge, state) -> how many rounds, over all series and time."""
        ...

    async def scores(
        self, series: str, challenge: str, *, from_ms: int = 0, hotkey: Hotkey | None = None
    ) -> Sequence[ScoreRow]:
        """Scores of rounds anchored at or after from_ms, by anchor then hotkey."""
        ...

    async def block_sums(
        self, series: str, challenge: str, *, from_ms: int, block_ms: int, before_ms: int | None = None
    ) -> Mapping[Hotkey, Sequence[BlockSums]]:
        """Those scores summed by miner and block, oldest block first; block n spans [n, n + 1) * block_ms by anchor.

        before_ms: of rounds anchored before it only.
        """
        ...

    async def tallies(self, series: str, challenge: str, *, from_ms: int) -> Mapping[Hotkey, Tally]:
        """Those scores counted by miner, in the order of hotkeys."""
        ...

    async def round_scores(self, round_id: RoundId) -> Sequence[ScoreRow]: ...

    async def pays(self, round_id: RoundId) -> Sequence[PayRow]: ...

    async def epoch_pays(self, series: str, challenge: str, epoch: int) -> Sequence[PayRow]:
        """The accruals of all rounds of the epoch, by anchor then hotkey."""
        ...

    async def epochs(self, series: str, challenge: str) -> Sequence[EpochRow]: ...

    async def sharing(self, series: str, challenge: str, *, from_ms: int, before_ms: int) -> Sequence[SharingRow]:
        """Of each generation the newest row with from_ms <= through_ms < before_ms, by generation."""
        ...

    async def transactions(self) -> AsyncIterator[Transaction]:
        """Every transaction in the order it was applied, days of settlements wherever they were folded. Use as
        `async for t in await store.transactions()`."""
        ...

    async def balances(self) -> Balances:
        """(account, unit) -> the sum of its postings; accounts that stand at zero are left out."""
        ...

    async def live_nonces(self, *, now_ms: int) -> Sequence[NonceRow]:
        """Nonces with expires_at_ms > now_ms, by expiry (then by hotkey and nonce)."""
        ...

    async def reply(self, request: Digest) -> ReplyRow | None: ...

    async def refusals(self, *, from_ms: int = 0) -> Sequence[RefusalRow]:
        """Of hours from `from_ms` on, by hour, code and hotkey (senders that are not proved first)."""
        ...

    async def draft(self, round_id: RoundId) -> DraftRow | None: ...

    async def drafts(self, *, from_ms: int) -> Sequence[DraftRow]:
        """Of rounds anchored at or after from_ms, by anchor (then by challenge)."""
        ...

    async def feedback(self, *, from_ms: int = 0) -> Sequence[FeedbackRow]:
        """Received at or after from_ms, by time (then by round and validator)."""
        ...

    async def standing_streams(self) -> AsyncIterator[StreamChange]:
        """All that a node needs of open streams at a start, once, in the order in which it can be taken in.

        First every stream (free names too) with names, successions, and the edges and letters that stand; then, page
        by page and older ones first, the values and the words of streams as they are now. What retention would let go
        may be among them. Use as `async for change in await store.standing_streams()`.
        """
        ...

    async def day_sums(self, *, after_day: int | None = None) -> Sequence[DaySumRow]:
        """What each owner earned on each horizon by day; by day, name, delay, sponsor and owner.

        after_day: only those of the first day after it that has any; years of them at once are more than a start needs.
        """
        ...

    async def settlements(
        self, *, name: str = "", owner: Hotkey | None = None, before_ms: int | None = None, limit: int = 100
    ) -> Sequence[SettlementRow]:
        """Settlements before an instant, newest first (then by name and delay): of a stream, and that moved an owner's
        points. Those that retention let go are in `folded_days`."""
        ...

    async def folded_days(
        self, owner: Hotkey, *, before_ms: int | None = None, limit: int = 100
    ) -> Sequence[DaySumRow]:
        """The sums of days in which settlements of an owner are folded, of days that began before an instant; newest
        first (then by name, delay and sponsor)."""
        ...

    async def settled_of(
        self, owner: Hotkey, *, before_ms: int | None = None, limit: int = 100
    ) -> tuple[Sequence[SettlementRow], Sequence[DaySumRow]]:
        """`settlements` and `folded_days` of an owner at one instant: nothing is in both, or in neither."""
        ...

    async def notices(self, hotkey: Hotkey, kind: NoticeKind, *, limit: int = 100) -> Sequence[NoticeRow]:
        """A key's log, newest first (then by operation and fields)."""
        ...

    async def stream_evidence(self, sha256: Digest) -> EvidenceRow | None: ...

    async def aclose(self) -> None: ...


class Store(StoreReader, Protocol):
    """Everything a node remembers. One way in (`apply`), many ways to read; nothing is state outside it."""

    async def apply(self, change: Change) -> None:
        """Returns once the whole change is durable. Changes that come while a commit runs share the next one.

        Raises StoreUnavailable (try again later) or RowRefused (ours: a value that no store can keep); either way
        nothing of this change was kept. A caller that is cancelled meanwhile does not know; it may write it again.
        """
        ...

    async def prune(
        self, *, now_ms: int, evidence_before_ms: int, sharing_before_ms: int = 0, superseded_before_ms: int = 0
    ) -> Mapping[str, int]:
        """Retention: drops nonces and replies with expires_at_ms <= now_ms, the evidence, answers, salts and details of
        pay of rounds anchored before `evidence_before_ms` (keys, statuses, commitments' digests, scores, divisors and
        amounts stay), and the drafts of rounds anchored before it; and the sums of sharing windows through a round
        before `sharing_before_ms`, or with a newer row of the same generation through a round before
        `superseded_before_ms`. Returns rows touched by table.
        """
        ...

    async def prune_streams(self, *, now_ms: UnixMs, settled_before_ms: int) -> Mapping[str, int]:
        """Retention of open streams, as neurons/store/retention_streams.py says it. Returns rows dropped by table.

        settled_before_ms: settlements of before then are let go with their bookings, each in one step with what it adds
        to its day's booking and to the folded figures of its owners' sums of that day. Balances do not move.
        """
        ...
