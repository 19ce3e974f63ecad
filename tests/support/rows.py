"""Rows to store in tests: plausible, small, and different for each number they are made from."""

from __future__ import annotations

import hashlib

import numpy as np

from neurons.records import CommitmentRow, DraftRow, NonceRow, PayRow, RoundRow, ScoreRow, SharingRow, SubmissionRow
from protocol.messages import Answer
from protocol.rules.ledger import AUG, Account, Posting, Transaction
from protocol.units import Digest, Hotkey, Micros, Nano, Pico, PriceE8, RoundId, UnixMs

STEP_MS = 300_000
SERIES = "btcusd"
CHALLENGE = "closes.point"


def digest_of(*parts: object) -> bytes:
    return hashlib.sha256(repr(parts).encode()).digest()


def hotkey_of(number: int) -> Hotkey:
    return Hotkey(digest_of("hotkey", number))


def round_id_of(number: int, challenge: str = CHALLENGE) -> RoundId:
    return RoundId(digest_of("round", number, challenge))


def anchor_of(number: int) -> UnixMs:
    return UnixMs(1_700_000_100_000 + number * STEP_MS)


def a_round(
    number: int, *, state: str = "open", due_at_ms: int | None = None, challenge: str = CHALLENGE, reason: str = ""
) -> RoundRow:
    return RoundRow(
        round_id_of(number, challenge),
        SERIES,
        challenge,
        anchor_of(number),
        Digest(digest_of("params")),
        state,
        None if due_at_ms is None else UnixMs(due_at_ms),
        b"opening" * 20,
        Pico(10**9 + number),
        "live",
        reason,
        anchor_close_e8=PriceE8(6_000_000_000_000 + number),
        revision=number % 3,
    )


def an_answer(number: int, *, paths: int = 1, steps: int = 100) -> Answer:
    values = np.random.default_rng(number).normal(0.0, 1e-3, (paths, steps)).astype("<f4")
    return Answer((paths, steps), "float32", values.tobytes())


def an_envelope(number: int, hotkey: Hotkey, body: bytes) -> bytes:
    """As long and as random as a sealed reply: header, signature, and the body at its end."""
    header = b"\x08\x01\x10\x66\x1a\x0baugury-test\x22\x20" + digest_of("params") + b"\x2a\x20" + hotkey
    header += b"\x32\x20" + digest_of("validator") + b"\x3a\x10" + digest_of("nonce", number)[:16]
    header += b"\x52\x20" + hashlib.sha256(body).digest() + b"\x5a\x20" + digest_of("request", number)
    signature = digest_of("signature", number) * 2
    return b"\x0a\xe0\x01" + header + b"\x12\x40" + signature + b"\x1a\xc0\x03" + body


def a_commitment(number: int, miner: int, *, received_ms: int = 0) -> CommitmentRow:
    round_id, hotkey = round_id_of(number), hotkey_of(miner)
    commitment = Digest(digest_of("commitment", number, miner))
    evidence = an_envelope(number * 1_000 + miner, hotkey, round_id + commitment)
    return CommitmentRow(round_id, hotkey, commitment, UnixMs(anchor_of(number) - 30_000 + received_ms), evidence)


def a_submission(
    number: int, miner: int, *, received_ms: int = 0, status: str = "valid", sequence: int = 0, paths: int = 1
) -> SubmissionRow:
    answer = an_answer(number * 1_000 + miner, paths=paths)
    salt, hotkey = digest_of("salt", number, miner), hotkey_of(miner)
    body = b"\x0a\x20" + salt + b"\x12\x99\x03\x0a\x02\x01\x64\x12\x07float32\x1a\x90\x03" + answer.values
    return SubmissionRow(
        round_id_of(number),
        hotkey,
        sequence,
        UnixMs(anchor_of(number) + 20_000 + received_ms),
        status,
        "",
        answer,
        salt,
        an_envelope(number * 1_000 + miner, hotkey, body),
    )


def a_score(number: int, miner: int, *, loss: int = 900_000_000, challenge: str = CHALLENGE) -> ScoreRow:
    baseline = 1_000_000_000
    return ScoreRow(
        round_id_of(number, challenge),
        hotkey_of(miner),
        SERIES,
        challenge,
        anchor_of(number),
        "valid",
        Nano(loss),
        Nano(baseline),
        Nano(baseline - loss),
    )


def a_pay(number: int, miner: int, *, epoch: int = 1, accrued: int = 5) -> PayRow:
    return PayRow(
        round_id_of(number),
        hotkey_of(miner),
        SERIES,
        CHALLENGE,
        anchor_of(number),
        epoch,
        Nano(7),
        Nano(1_100_000_000 + miner),
        Nano(6),
        Micros(accrued),
        '{"mean":7}',
    )


def a_sharing(generation: int, number: int, *, sums: bytes = b"", challenge: str = CHALLENGE) -> SharingRow:
    """A generation's sums through the round of that number."""
    return SharingRow(SERIES, challenge, generation, anchor_of(number), sums or digest_of("sums", generation, number))


def a_transaction(name: str, amounts: dict[str, int], *, at_ms: int = 0) -> Transaction:
    postings = tuple(Posting(Account(account), AUG, Micros(amount)) for account, amount in amounts.items())
    return Transaction(name, UnixMs(at_ms), "accrual", postings, "memo")


def a_nonce(miner: int, number: int, *, expires_at_ms: int) -> NonceRow:
    return NonceRow(hotkey_of(miner), digest_of("nonce", number)[:16], UnixMs(expires_at_ms))


def a_draft(number: int, *, salt: bytes = b"s" * 32) -> DraftRow:
    return DraftRow(
        round_id_of(number),
        SERIES,
        CHALLENGE,
        anchor_of(number),
        salt,
        an_answer(number),
        Digest(digest_of("commitment", number)),
        "flat",
        UnixMs(anchor_of(number) - 40_000),
    )
