"""News: what happens on a validator, told once to everyone who watches. Signed once, framed under a MAC for each."""

from __future__ import annotations

from collections.abc import AsyncIterator

from neurons.ports import Clock, Entropy
from neurons.transport.fanout import Fanout
from protocol import codec
from protocol.admission import Admitted
from protocol.envelope import deadline_after, seal
from protocol.errors import InvalidRequest
from protocol.keys import SigningKey
from protocol.messages import NONCE_BYTES, Message, WatchReply, WatchRequest
from protocol.params import NetworkParams
from protocol.sessions import SESSION_KEY_BYTES, SessionSender, SessionTerms, opening_frame, session_public_key


class News:
    """One validator's broadcasts and those who watch them."""

    def __init__(self, key: SigningKey, params: NetworkParams, clock: Clock, entropy: Entropy) -> None:
        self._key, self._params, self._clock, self._entropy = key, params, clock, entropy
        self._fanout = Fanout()
        self._sequences: dict[str, int] = {}

    @property
    def watchers(self) -> int:
        """How many subscriptions are open."""
        return self._fanout.subscribers

    def publish(self, topic: str, message: Message) -> None:
        """Seals a broadcast and queues it for whoever watches its topic; nothing happens when nobody watches that."""
        if not self._fanout.is_heard(topic):
            return
        now = self._clock.now_ms()
        self._sequences[topic] = self._sequences.get(topic, 0) + 1
        sealed = seal(
            message,
            key=self._key,
            params=self._params,
            recipient=None,
            nonce=self._entropy.bytes(NONCE_BYTES),
            issued_at_ms=now,
            deadline_ms=now + self._params.wire.max_lifetime_ms,
            topic=topic,
            sequence=self._sequences[topic],
        )
        self._fanout.publish(topic, sealed.raw)

    async def frames(self, admitted: Admitted) -> AsyncIterator[bytes]:
        """Frame 0 with the sealed WatchReply, then every broadcast of the topics asked for, as encoded frames.

        Ends with TooSlow for a subscriber whose queue fills up. Raises InvalidRequest for anything but a WatchRequest.
        """
        request, header = admitted.message, admitted.header
        if not isinstance(request, WatchRequest):
            raise InvalidRequest("this call takes a WatchRequest")
        private = self._entropy.bytes(SESSION_KEY_BYTES)
        public = session_public_key(private)
        terms = SessionTerms(header.sender, self._key.hotkey, request.session_key, public, admitted.header_digest)
        sender = SessionSender(private, terms, self._key)
        now = self._clock.now_ms()
        hello = seal(
            WatchReply(public),
            key=self._key,
            params=admitted.params,
            recipient=header.sender,
            nonce=self._entropy.bytes(NONCE_BYTES),
            issued_at_ms=now,
            deadline_ms=deadline_after(now, admitted.params.wire.call_timeout_ms, admitted.params.wire),
            in_reply_to=admitted.header_digest,
        )
        with self._fanout.subscribe(
            request.topics, lambda payload: codec.encode_frame(sender.frame(payload))
        ) as subscription:
            yield codec.encode_frame(opening_frame(hello.raw))
            async for frame in subscription:
                yield frame

    def close(self) -> None:
        """Lets every subscriber read what waits, then ends its stream."""
        self._fanout.close()
