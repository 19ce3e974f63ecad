"""What a subscriber takes for news, when the validator itself does not keep to the rules."""

from __future__ import annotations

import pytest

from neurons.client.news import NewsSession
from protocol import codec
from protocol.envelope import seal
from protocol.errors import BadSignature, SessionBroken, WrongPurpose
from protocol.messages import CloseNews, ExplainReply, WatchReply, WatchRequest
from protocol.params import MAIN
from protocol.sessions import SessionSender, SessionTerms, opening_frame, session_public_key
from protocol.units import Hotkey, PriceE8, RoundId, UnixMs
from tests.support.world import signing_key

NOW = 1_750_000_000_000
MINE, THEIRS = bytes(range(32)), bytes(range(32, 64))
VALIDATOR, STRANGER = signing_key("validator"), signing_key("stranger")
CLOSE = CloseNews("BTC-USD", UnixMs(NOW), PriceE8(6_000_000_000_000), "")
TOPIC = "closes/BTC-USD"


def sealed(message, key=VALIDATOR, *, recipient=None, in_reply_to=None, topic="", sequence=0):
    return seal(
        message,
        key=key,
        params=MAIN,
        recipient=recipient,
        nonce=bytes(16),
        issued_at_ms=NOW,
        deadline_ms=NOW + 10_000,
        in_reply_to=in_reply_to,
        topic=topic,
        sequence=sequence,
    )


def begun() -> tuple[NewsSession, SessionSender]:
    """Both sides of a session on one topic, after frame 0."""
    request = sealed(WatchRequest((TOPIC,), session_public_key(MINE)), STRANGER, recipient=VALIDATOR.hotkey)
    reply = sealed(WatchReply(session_public_key(THEIRS)), recipient=STRANGER.hotkey, in_reply_to=request.header_digest)
    terms = SessionTerms(
        STRANGER.hotkey,
        VALIDATOR.hotkey,
        session_public_key(MINE),
        session_public_key(THEIRS),
        request.header_digest,
    )
    session = NewsSession(request, MINE, [TOPIC], params=MAIN)
    assert session.take(codec.encode_frame(opening_frame(reply.raw)), now_ms=NOW) is None
    return session, SessionSender(THEIRS, terms, VALIDATOR)


def take(session, sender, broadcast):
    return session.take(codec.encode_frame(sender.frame(broadcast.raw)), now_ms=NOW)


def test_news_carry_their_proof_and_their_number():
    session, sender = begun()
    broadcast = sealed(CLOSE, topic=TOPIC, sequence=7)
    news = take(session, sender, broadcast)
    assert (TOPIC, 7, NOW, CLOSE, broadcast.raw) == (
        news.topic,
        news.sequence,
        news.told_at_ms,
        news.message,
        news.raw,
    )


@pytest.mark.parametrize(
    ("broadcast", "why"),
    [
        (sealed(CLOSE, topic="closes/ETH-USD", sequence=8), "says something else"),
        (sealed(CloseNews("ETH-USD", UnixMs(NOW), PriceE8(1), ""), topic="closes/ETH-USD", sequence=8), "nobody asked"),
        (sealed(CLOSE, topic=TOPIC, sequence=7), "told before"),
        (sealed(CLOSE, topic=TOPIC, sequence=6), "told before"),
    ],
    ids=["another topic than its own", "a topic nobody asked for", "the same again", "an older one"],
)
def test_a_broadcast_that_does_not_belong_ends_the_session(broadcast, why):
    session, sender = begun()
    take(session, sender, sealed(CLOSE, topic=TOPIC, sequence=7))
    with pytest.raises(SessionBroken, match=why):
        take(session, sender, broadcast)


def test_a_strangers_broadcast_is_not_the_validators():
    session, sender = begun()
    with pytest.raises(BadSignature):
        take(session, sender, sealed(CLOSE, STRANGER, topic=TOPIC, sequence=1))


def test_a_stream_that_begins_with_another_reply_is_refused():
    request = sealed(WatchRequest((TOPIC,), session_public_key(MINE)), STRANGER, recipient=VALIDATOR.hotkey)
    other = ExplainReply(RoundId(bytes(32)), Hotkey(bytes(32)), ())
    reply = sealed(other, recipient=STRANGER.hotkey, in_reply_to=request.header_digest)
    session = NewsSession(request, MINE, [TOPIC], params=MAIN)
    with pytest.raises(WrongPurpose):
        session.take(codec.encode_frame(opening_frame(reply.raw)), now_ms=NOW)
