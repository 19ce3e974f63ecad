"""Envelopes in fewer bytes: any bytes come back as they were, real ones get short, hostile ones cannot pile up."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from neurons.records import Change
from neurons.store import schema
from neurons.store.evidence import join, rest_in, split
from neurons.store.sqlite import SqliteStore
from protocol.envelope import seal
from protocol.keys import SigningKey
from protocol.messages import CommitReply, RevealReply
from protocol.params import MAIN
from protocol.units import Digest
from tests.support.rows import a_commitment, a_submission, digest_of, hotkey_of, round_id_of

MINER = SigningKey(digest_of("seed"))
ENVELOPE = {"key": MINER, "params": MAIN, "recipient": hotkey_of(2), "in_reply_to": Digest(digest_of("request"))}


def sealed(message, number: int) -> bytes:
    at_ms = 1_700_000_000_000 + number
    nonce = digest_of("nonce", number)[:16]
    return seal(message, nonce=nonce, issued_at_ms=at_ms, deadline_ms=at_ms + 10_000, **ENVELOPE).raw


def test_a_reveal_keeps_only_what_is_its_own():
    row = a_submission(1, 1)
    one, two = (sealed(RevealReply(row.salt, row.answer), number) for number in (1, 2))
    frame, rest = split(one, MINER.hotkey, row.salt, row.answer.values)

    assert 737 == len(one)
    assert 171 == len(rest)
    assert one == join(frame, rest, MINER.hotkey, row.salt, row.answer.values)
    assert rest == rest_in(frame, one, MINER.hotkey, row.salt, row.answer.values)
    assert frame == split(two, MINER.hotkey, row.salt, row.answer.values)[0]


def test_a_commitment_keeps_only_what_is_its_own():
    commitment = Digest(digest_of("commitment"))
    raw = sealed(CommitReply(round_id_of(1), commitment), 1)
    frame, rest = split(raw, MINER.hotkey, round_id_of(1), commitment)

    assert 358 == len(raw)
    assert 170 == len(rest)
    assert raw == join(frame, rest, MINER.hotkey, round_id_of(1), commitment)


def test_a_frame_is_not_used_where_any_known_piece_differs():
    known = [b"B" * 9, b"H" * 32, b"A" * 34, b"rest", b"I" * 32, b"L" * 5, b"T" * 40]
    before, hotkey, after, rest, inner, last, tail = known

    assert rest == rest_in((before, after, last), b"".join(known), hotkey, inner, tail)
    for place in (0, 1, 2, 4, 5, 6):
        other = [bytes(len(piece)) if n == place else piece for n, piece in enumerate(known)]
        assert None is rest_in((before, after, last), b"".join(other), hotkey, inner, tail)


few = st.sampled_from([b"", b"a", b"ab", b"b" * 40, b"k" * 32])
pieces = st.lists(few | st.binary(max_size=50), max_size=9)


@settings(max_examples=200, deadline=None)
@given(parts=pieces, hotkey=few, inner=few, tail=few)
def test_any_bytes_come_back_as_they_were(parts, hotkey, inner, tail):
    evidence = b"".join(parts)
    frame, rest = split(evidence, hotkey, inner, tail)
    if frame is None:
        assert evidence == rest
        return
    assert evidence == join(frame, rest, hotkey, inner, tail)
    quick = rest_in(frame, evidence, hotkey, inner, tail)
    assert quick is None or evidence == join(frame, quick, hotkey, inner, tail)


@settings(max_examples=200, deadline=None)
@given(parts=pieces, frame=st.tuples(few, few, few), hotkey=few, inner=few, tail=few)
def test_another_envelope_s_frame_is_used_only_where_it_fits(parts, frame, hotkey, inner, tail):
    evidence = b"".join(parts)
    rest = rest_in(frame, evidence, hotkey, inner, tail)
    assert rest is None or evidence == join(frame, rest, hotkey, inner, tail)


def test_hostile_envelopes_fill_no_more_than_their_share_of_forms(tmp_path, monkeypatch):
    monkeypatch.setattr(schema, "FORMS_MOST", 5)
    row, commitment = a_submission(1, 1), a_commitment(1, 1)
    odd = [replace(row, sequence=n, evidence=bytes([n]) + row.evidence) for n in range(9)]

    async def run() -> None:
        async with await SqliteStore.open(tmp_path / "node.db") as store:
            await store.apply(Change(submissions=tuple(odd), commitments=(commitment,)))
            assert odd == list(await store.submissions(round_id_of(1)))
            assert [commitment] == list(await store.commitments(round_id_of(1)))
            forms = await store._writer.put(lambda c: c.execute("SELECT count(*) FROM forms").fetchone()[0])
            assert forms <= 5 + 1

    asyncio.run(run())
