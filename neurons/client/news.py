"""The subscriber's side of a Watch stream, without the stream: frames in, verified news out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from protocol import codec
from protocol.envelope import Opened, Sealed, open_broadcast, open_reply
from protocol.errors import SessionBroken
from protocol.messages import (
    ALL_STREAMS,
    BalanceNews,
    CloseNews,
    RoundNews,
    SettlementNews,
    StreamNews,
    WatchReply,
    WatchRequest,
    points_topic,
    stream_topic,
)
from protocol.params import NetworkParams
from protocol.sessions import SessionReceiver, SessionTerms, reply_in, session_public_key
from protocol.units import Hotkey, UnixMs

Told = RoundNews | CloseNews | StreamNews | SettlementNews | BalanceNews


@dataclass(frozen=True, slots=True)
class News:
    """One verified broadcast. `sequence`: its number on its topic since the validator started.

    `raw`: the validator's signed envelope, which proves the news to anybody.
    """

    topic: str
    sequence: int
    told_at_ms: UnixMs
    message: Told
    raw: bytes


class NewsSession:
    """One subscription: knows what was asked, and takes the frames of the answer in their order."""

    def __init__(self, request: Sealed, private_key: bytes, topics: Collection[str], *, params: NetworkParams) -> None:
        """request: the sealed WatchRequest.  private_key: the one-time key whose public half it carries."""
        self._request, self._private_key, self._params = request, private_key, params
        self._topics = frozenset(topics)
        self._receiver: SessionReceiver | None = None
        self._newest: dict[str, int] = {}

    def take(self, raw: bytes, *, now_ms: int) -> News | None:
        """The news in the next frame; None for the first one, which carries the validator's half of the session key.

        Raises SessionBroken, BadSignature and what `open_reply` and `open_broadcast` raise: the stream is over then.
        """
        frame = codec.decode_frame(raw)
        if self._receiver is None:
            opened = open_reply(reply_in(frame), request=self._request, params=self._params, now_ms=now_ms)
            self._receiver = SessionReceiver(self._private_key, self._terms(opened))
            return None
        payload = self._receiver.accept(frame)
        accepted = {self._params.digest: self._params}
        return self._news(open_broadcast(payload, sender=self._validator, accepted=accepted, now_ms=now_ms))

    @property
    def _validator(self) -> Hotkey:
        recipient = self._request.header.recipient
        if recipient is None:
            raise ValueError(f"a {WatchRequest.__name__} is addressed to a validator")
        return recipient

    def _terms(self, opened: Opened) -> SessionTerms:
        if not isinstance(opened.message, WatchReply):
            raise SessionBroken("a stream begins with a WatchReply")
        return SessionTerms(
            subscriber=self._request.header.sender,
            validator=self._validator,
            subscriber_key=session_public_key(self._private_key),
            validator_key=opened.message.session_key,
            request=self._request.header_digest,
        )

    def _news(self, opened: Opened) -> News:
        """The broadcast as news, if it belongs here: on a topic that was asked for, about it, newer than the last."""
        header, message = opened.header, opened.message
        if not isinstance(message, Told) or header.topic not in topics_of(message):
            raise SessionBroken(f"a broadcast on {header.topic} says something else")
        if header.topic not in self._topics:
            raise SessionBroken(f"nobody asked for {header.topic}")
        if header.sequence <= self._newest.get(header.topic, 0):
            raise SessionBroken(f"number {header.sequence} of {header.topic} has been told before")
        self._newest[header.topic] = header.sequence
        return News(header.topic, header.sequence, header.issued_at_ms, message, opened.raw)


def topics_of(message: Told) -> tuple[str, ...]:
    """The topics on which a broadcast belongs."""
    if isinstance(message, StreamNews | SettlementNews):
        return ALL_STREAMS, stream_topic(message.name)
    if isinstance(message, BalanceNews):
        return (points_topic(message.owner),)
    if isinstance(message, CloseNews):
        return (f"closes/{message.series}",)
    return (f"rounds/{message.summary.series}/{message.summary.challenge}",)
