"""`Reader`: asks one validator, signed, and believes nothing that it cannot verify.

    async with Reader(validator, key, params=MAIN) as reader:
        for summary in await reader.rounds(state="final", limit=10):
            told = await reader.explain(summary.round_id, key.hotkey)
        async for news in reader.watch("closes/BTC-USD"):
            print(news.message)

Any key may ask; none needs to be registered.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from types import TracebackType
from typing import Final, Protocol, Self, TypeVar

from neurons.client.news import News, NewsSession
from neurons.clock import SystemClock
from neurons.entropy import SystemEntropy
from neurons.peers_file import ListedValidator
from neurons.ports import Caller, Clock, Entropy
from neurons.transport.client import GrpcCaller
from protocol.envelope import Opened, Sealed, open_reply, seal
from protocol.errors import Malformed
from protocol.keys import SigningKey
from protocol.messages import (
    NONCE_BYTES,
    ExplainReply,
    ExplainRequest,
    Message,
    RoundsReply,
    RoundsRequest,
    RoundSummary,
    StandingsReply,
    StandingsRequest,
    WatchRequest,
)
from protocol.params import MAIN, NetworkParams
from protocol.sessions import SESSION_KEY_BYTES, session_public_key
from protocol.units import HOUR_MS, Hotkey, RoundId

ReplyT = TypeVar("ReplyT")

LONGEST_SILENCE_MS: Final = 2 * HOUR_MS
"""No news for so long means that the validator is gone: a close comes every five minutes."""


class Wire(Caller, Protocol):
    """A `Caller` that can also watch: `GrpcCaller` in life."""

    def watch(self, endpoint: str, envelope: bytes, *, silence_ms: int) -> AsyncIterator[bytes]:
        """The frames of a Watch stream; see `GrpcCaller.watch`."""
        ...


class Reader:
    """One validator, as one who asks sees it. Use as `async with`.

    Every method raises PeerUnreachable (nobody answered), the validator's refusal as the Rejected or Ignored that it
    named, or a Rejected or Ignored of our own for a reply that cannot be verified.
    """

    def __init__(
        self,
        validator: ListedValidator,
        key: SigningKey,
        *,
        params: NetworkParams = MAIN,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        wire: Wire | None = None,
    ) -> None:
        """params: the network's, which both sides must agree on.  clock: the network's time; the system's unless given.

        wire: what carries the calls; gRPC unless given. It is closed with the reader.
        """
        self._validator, self._key, self._params = validator, key, params
        self._clock = clock if clock is not None else SystemClock()
        self._entropy = entropy if entropy is not None else SystemEntropy()
        self._wire = wire if wire is not None else GrpcCaller(self._clock, params.wire)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._wire.aclose()

    @property
    def clock(self) -> Clock:
        """The network's time."""
        return self._clock

    @property
    def hotkey(self) -> Hotkey:
        """Who asks."""
        return self._key.hotkey

    async def ask(self, request: Message) -> Message:
        """The validator's verified reply to any request."""
        return (await self._opened(request)).message

    async def skew_ms(self) -> int:
        """How far the validator's clock is ahead of ours, to half the time that a call takes."""
        asked = self._clock.now_ms()
        told = (await self._opened(RoundsRequest(limit=1))).header.issued_at_ms
        return told - (asked + self._clock.now_ms()) // 2

    async def rounds(
        self, *, series: str = "", challenge: str = "", state: str = "", before_ms: int = 0, limit: int = 50
    ) -> tuple[RoundSummary, ...]:
        """The newest rounds, newest first. before_ms: only those anchored before it, 0 for all. Empty text: any."""
        request = RoundsRequest(series, challenge, state, before_ms, limit)
        return expect(await self.ask(request), RoundsReply).rounds

    async def standings(self, series: str, challenge: str) -> StandingsReply:
        """Every miner's memory, proof and pay in one challenge of a series, best first."""
        return expect(await self.ask(StandingsRequest(series, challenge)), StandingsReply)

    async def explain(self, round_id: RoundId, hotkey: Hotkey) -> ExplainReply:
        """The whole arithmetic of one miner in one round. Raises NotYetPublic before the round is settled."""
        return expect(await self.ask(ExplainRequest(round_id, hotkey)), ExplainReply)

    async def watch(self, *topics: str, silence_ms: int = LONGEST_SILENCE_MS) -> AsyncIterator[News]:
        """News of these topics as it comes, each frame and each broadcast verified; ends when the validator ends it.

        topics: `closes/<series>`, `rounds/<series>/<challenge>`, `streams` and `stream_topic(name)` for one of them.
        silence_ms: the longest wait for one frame.
        Raises SessionBroken or BadSignature at the first frame that is not in order; there is no way back into step.
        """
        private = self._entropy.bytes(SESSION_KEY_BYTES)
        request = self._sealed(WatchRequest(topics, session_public_key(private)))
        session = NewsSession(request, private, topics, params=self._params)
        frames = self._wire.watch(self._validator.endpoint, request.raw, silence_ms=silence_ms)
        try:
            async for frame in frames:
                news = session.take(frame, now_ms=self._clock.now_ms())
                if news is not None:
                    yield news
        finally:
            if isinstance(frames, AsyncGenerator):
                await frames.aclose()

    async def _opened(self, request: Message) -> Opened:
        return await self._exchanged(self._sealed(request), timeout_ms=self._params.wire.call_timeout_ms)

    async def _exchanged(self, request: Sealed, *, timeout_ms: int) -> Opened:
        """The verified reply to what was sealed. timeout_ms: how long one call may take."""
        purpose = request.header.purpose
        raw = await self._wire.call(self._validator.endpoint, purpose, request.raw, timeout_ms=timeout_ms)
        return open_reply(raw, request=request, params=self._params, now_ms=self._clock.now_ms())

    def _sealed(self, request: Message) -> Sealed:
        now, wire = self._clock.now_ms(), self._params.wire
        return seal(
            request,
            key=self._key,
            params=self._params,
            recipient=self._validator.hotkey,
            nonce=self._entropy.bytes(NONCE_BYTES),
            issued_at_ms=now,
            deadline_ms=now + min(wire.call_timeout_ms, wire.max_lifetime_ms),
        )


def expect(reply: object, wanted: type[ReplyT]) -> ReplyT:
    """The reply, or the part of one, as what it has to be. Raises Malformed (the validator's fault) for another."""
    if not isinstance(reply, wanted):
        raise Malformed(f"wanted a {wanted.__name__}, got a {type(reply).__name__}")
    return reply
