"""What is committed stays closed until it resolves: asked, watched or told, a validator gives no answer away."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from protocol.codec import decode_frame, encode
from protocol.envelope import open_broadcast, open_reply, seal
from protocol.errors import AuguryError, NotFound, NotYetPublic, SessionBroken, TooSlow
from protocol.messages import (
    NONCE_BYTES,
    CloseNews,
    ExplainRequest,
    Purpose,
    RoundNews,
    RoundsRequest,
    StandingsRequest,
    WatchRequest,
)
from protocol.sessions import SessionReceiver, SessionTerms, session_public_key
from protocol.units import HOUR_MS, MINUTE_MS, SECOND_MS
from tests.support.brisk import ANCHOR, BRISK, PATHS, POINT, Oracle
from tests.support.world import SERIES, Guessing, run_world, signing_key

VALIDATOR, WATCHER = signing_key("validator"), signing_key("watcher")
TOPICS = (f"rounds/{SERIES}/{POINT}", f"rounds/{SERIES}/{PATHS}", f"closes/{SERIES}")
PRIVATE = bytes(range(1, 33))


class Watcher:
    """A subscriber written on protocol/sessions.py: checks the hello, every frame's MAC, every broadcast."""

    def __init__(self, world):
        self.world, self.raw, self.news, self.frames = world, [], [], 0

    async def watch(self, *, slow=False):
        now = self.world.clock.now_ms()
        request = seal(
            WatchRequest(TOPICS, session_public_key(PRIVATE)),
            key=WATCHER,
            params=BRISK,
            recipient=VALIDATOR.hotkey,
            nonce=bytes([7]) * NONCE_BYTES,
            issued_at_ms=now,
            deadline_ms=now + 10 * SECOND_MS,
        )
        stream = self.world.caller().watch("validator:1", request.raw, silence_ms=2 * HOUR_MS)
        hello = decode_frame(await anext(stream))
        reply = open_reply(hello.payload, request=request, params=BRISK, now_ms=now)
        self.terms = SessionTerms(
            WATCHER.hotkey,
            VALIDATOR.hotkey,
            session_public_key(PRIVATE),
            reply.message.session_key,
            request.header_digest,
        )
        receiver = SessionReceiver(PRIVATE, self.terms)
        if slow:
            await self.world.clock.sleep_until(now + 5 * HOUR_MS)
        async for raw in stream:
            self.raw.append(raw)
            told = receiver.accept(decode_frame(raw))
            opened = open_broadcast(
                told, sender=VALIDATOR.hotkey, accepted={BRISK.digest: BRISK}, now_ms=self.world.clock.now_ms()
            )
            self.frames += 1
            self.news.append((opened.header.topic, opened.header.sequence, opened.message))


async def watching(world, **how):
    watcher = Watcher(world)
    return watcher, asyncio.create_task(watcher.watch(**how), name="watcher")


async def stop(task):
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def secrets_of(world, names):
    """Salts and answers of every draft whose round has not resolved, as bytes."""
    found = []
    for name in names:
        for draft in await world.miners[name].store.drafts(from_ms=ANCHOR - 50 * MINUTE_MS):
            row = await world.validator_store.round(draft.round_id)
            if row.state not in ("resolved", "final", "void"):
                found += [draft.salt, draft.answer.values[:64]]
    return found


def test_a_watcher_hears_every_round_and_close_under_mac_and_signature_and_never_an_answer():
    async def scenario(world):
        for number, name in enumerate(("alice", "bob")):
            await world.miner(name, Guessing(number))
        watcher, task = await watching(world)
        await world.until(ANCHOR + 80 * MINUTE_MS)

        heard = b"".join(watcher.raw)
        drafts = [d for name in ("alice", "bob") for d in await world.miners[name].store.drafts(from_ms=0)]
        assert len(drafts) > 20
        assert not [d for d in drafts if d.salt in heard or d.answer.values[:64] in heard]
        states = {message.summary.state for _, _, message in watcher.news if isinstance(message, RoundNews)}
        assert {"opened", "committing", "locked", "revealing", "scoring", "resolved", "final"} == states
        assert any(isinstance(message, CloseNews) for _, _, message in watcher.news)
        for topic in TOPICS:
            sequences = [sequence for named, sequence, _ in watcher.news if named == topic]
            assert list(range(1, len(sequences) + 1)) == sequences
        await stop(task)

    run_world(scenario, params=BRISK)


def test_a_frame_that_is_altered_left_out_or_repeated_ends_the_session():
    async def scenario(world):
        watcher, task = await watching(world)
        await world.until(ANCHOR)
        frames = list(watcher.raw)
        await stop(task)
        assert len(frames) > 5
        for change in (lambda f: [f[0][:-1] + bytes([f[0][-1] ^ 1])], lambda f: f[1:], lambda f: [f[0], f[0]]):
            receiver = SessionReceiver(PRIVATE, watcher.terms)
            with pytest.raises(SessionBroken):
                _ = [receiver.accept(decode_frame(frame)) for frame in change(frames)]

    run_world(scenario, params=BRISK)


def test_a_subscriber_that_does_not_read_is_dropped_with_a_reason_and_holds_nobody_up():
    async def scenario(world):
        await world.miner("alice")
        _, slow = await watching(world, slow=True)
        await world.until(world.clock.now_ms() + 6 * HOUR_MS)
        with pytest.raises(TooSlow, match="it may subscribe again"):
            await slow
        rounds = await world.validator_store.rounds(challenge=POINT, limit=1_000)
        assert len(rounds) > 70
        assert {"final"} == {row.state for row in rounds[40:]}

    run_world(scenario, params=BRISK)


@pytest.mark.parametrize("at_s", [-80, -30, 5, 40, 600], ids=lambda s: f"T{s:+}s")
def test_nothing_that_can_be_asked_tells_an_answer_before_its_round_resolves(at_s):
    async def scenario(world):
        await world.miner("alice", Oracle(world.market))
        await world.until(ANCHOR + at_s * SECOND_MS)
        readings, now = world.validator.readings, world.clock.now_ms()
        secrets = await secrets_of(world, ["alice"])
        told = [
            encode(await readings.rounds(RoundsRequest(limit=50))),
            encode(await readings.standings(StandingsRequest(SERIES, POINT), now_ms=now)),
        ]
        assert secrets or at_s < -60
        assert not [secret for secret in secrets for reply in told if secret in reply]
        for row in await world.validator_store.rounds():
            if row.state not in ("resolved", "final", "void"):
                with pytest.raises(NotYetPublic):
                    await readings.explain(ExplainRequest(row.round_id, world.miners["alice"].key.hotkey))

    run_world(scenario, params=BRISK)


def test_miners_hear_of_their_own_answers_only_and_only_once_these_have_resolved():
    async def scenario(world):
        alice = await world.miner("alice", Oracle(world.market))
        bob = await world.miner("bob", Guessing(1))
        await world.until(ANCHOR + 80 * MINUTE_MS)
        for miner, other in ((alice, bob), (bob, alice)):
            rows = await miner.store.feedback()
            assert rows
            for row in rows:
                stored = await world.validator_store.round(row.round_id)
                assert stored.state in ("resolved", "final", "void")
                assert row.received_at_ms >= stored.resolved_at_ms
                assert other.key.hotkey not in row.body
                draft = await other.store.draft(row.round_id)
                assert draft.answer.values[:64] not in row.body

    run_world(scenario, params=BRISK)


def test_an_explanation_is_given_after_the_round_has_resolved_and_names_no_numbers_of_the_answer():
    async def scenario(world):
        alice = await world.miner("alice", Oracle(world.market))
        await world.until(ANCHOR + 80 * MINUTE_MS)
        [row] = await world.validator_store.rounds(challenge=PATHS, from_ms=ANCHOR, before_ms=ANCHOR + 1)
        reply = await world.validator.readings.explain(ExplainRequest(row.round_id, alice.key.hotkey))
        [score] = await world.validator_store.round_scores(row.round_id)
        assert score.loss_nano in {line.value for line in reply.lines if line.name == "your loss"}
        with pytest.raises(NotFound):
            await world.validator.readings.explain(ExplainRequest(row.round_id, WATCHER.hotkey))

    run_world(scenario, params=BRISK)


def test_a_watch_request_is_admitted_like_any_other():
    async def scenario(world):
        with pytest.raises(AuguryError) as refused:
            await anext(world.caller().watch("validator:1", b"rubbish", silence_ms=1_000))
        assert "malformed" == refused.value.code
        assert Purpose.WATCH in world.validator.serves()

    run_world(scenario, params=BRISK)
