"""Microseconds to seal, to open and to admit an envelope, against the bare Ed25519 work inside it.

The floor signs or verifies the same bytes with the same library and does nothing else; for a large answer it also
hashes the body once. Turns are interleaved; a figure is the median of the turns, with the fastest and the slowest.
Run: python tests/benchmarks/bench_envelope.py
"""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from protocol import codec
from protocol import messages as m
from protocol.admission import Gate, SenderStanding
from protocol.answers import answer_of
from protocol.envelope import DOMAIN, Sealed, open_reply, seal
from protocol.keys import SigningKey, verify
from protocol.messages import Purpose
from protocol.params import MAIN
from protocol.units import Digest, Hotkey, Pico, RoundId, UnixMs
from protocol.wrapper import split_envelope

NOW = UnixMs(1_760_000_000_000)
TURNS, CALLS, LARGE_CALLS = 15, 1_000, 100
VALIDATOR, MINER = SigningKey(b"v" * 32), SigningKey(b"m" * 32)
UNLIMITED = replace(
    MAIN,
    wire=replace(MAIN.wire, ip_bucket_size=10**9, key_bucket_size=10**9),
)
QUESTION = m.CommitRequest(
    m.Opening(
        RoundId(b"r" * 32), "btc-usd-5m", "closes.paths", NOW, 1, 300_000, 100, 64, 1_000, 256, Pico(1_234_567_890),
        Digest(b"h" * 32), NOW,
    )
)  # fmt: skip
COMMITTED = m.CommitReply(RoundId(b"r" * 32), Digest(b"c" * 32))


class Everybody:
    def standing_of(self, hotkey: Hotkey) -> SenderStanding:
        return SenderStanding(known=True)


@dataclass(frozen=True, slots=True)
class Case:
    """What is timed, what is bare about it, and how often a turn calls it."""

    name: str
    work: Callable[[], object]
    floor: str = ""
    calls: int = CALLS


def ask(nonce: int = 0) -> Sealed:
    return seal(
        QUESTION, key=VALIDATOR, params=UNLIMITED, recipient=MINER.hotkey, nonce=nonce.to_bytes(16, "big"),
        issued_at_ms=NOW, deadline_ms=NOW + 10_000,
    )  # fmt: skip


def answer(message: m.Message, request: Sealed) -> Sealed:
    return seal(
        message, key=MINER, params=UNLIMITED, recipient=VALIDATOR.hotkey, nonce=bytes(16), issued_at_ms=NOW,
        deadline_ms=NOW + 10_000, in_reply_to=request.header_digest,
    )  # fmt: skip


def admitting() -> Callable[[], object]:
    """A gate and as many requests as all turns need, each with its own nonce."""
    gate = Gate(me=MINER.hotkey, accepted=(UNLIMITED,), senders=Everybody())
    requests: Iterator[bytes] = iter([ask(number).raw for number in range((TURNS + 1) * CALLS)])
    return lambda: gate.admit(next(requests), purpose=Purpose.COMMIT, peer_ip="192.0.2.1", now_ms=NOW)


def cases() -> list[Case]:
    """Every floor stands before what is measured against it."""
    request = ask()
    reply = answer(COMMITTED, request)
    header, signature, _ = split_envelope(reply.raw, 10_000)
    told = DOMAIN + header
    paths = answer_of(np.random.default_rng(1).standard_normal((1_000, 100)).astype(np.float32))
    revealed = m.RevealReply(bytes(32), paths)
    question = seal(
        m.DescribeRequest(), key=VALIDATOR, params=UNLIMITED, recipient=MINER.hotkey, nonce=bytes(16),
        issued_at_ms=NOW, deadline_ms=NOW + 10_000,
    )  # fmt: skip
    question = replace(question, header=replace(question.header, purpose=Purpose.REVEAL))
    large = answer(revealed, question)
    body = codec.encode(revealed)

    def floor_of_large_open() -> bool:
        return verify(MINER.hotkey, told, signature) and len(hashlib.sha256(body).digest()) == 32

    return [
        Case("Ed25519 sign, bare", lambda: MINER.sign(told)),
        Case("seal a CommitReply", lambda: answer(COMMITTED, request), "Ed25519 sign, bare"),
        Case("Ed25519 verify, bare", lambda: verify(MINER.hotkey, told, signature)),
        Case(
            "open a CommitReply",
            lambda: open_reply(reply.raw, request=request, params=UNLIMITED, now_ms=NOW),
            "Ed25519 verify, bare",
        ),
        Case("admit a CommitRequest", admitting(), "Ed25519 verify, bare"),
        Case("verify and SHA-256 of 1000 x 100", floor_of_large_open, calls=LARGE_CALLS),
        Case(
            "open a RevealReply of 1000 x 100",
            lambda: open_reply(large.raw, request=question, params=UNLIMITED, now_ms=NOW),
            "verify and SHA-256 of 1000 x 100",
            calls=LARGE_CALLS,
        ),
        Case(
            "seal a RevealReply of 1000 x 100",
            lambda: answer(revealed, question),
            "verify and SHA-256 of 1000 x 100",
            calls=LARGE_CALLS,
        ),
    ]


def measure(timed: list[Case]) -> dict[str, list[float]]:
    """Microseconds a call, by case, one figure a turn."""
    figures: dict[str, list[float]] = {case.name: [] for case in timed}
    for case in timed:
        case.work()
    for turn in range(TURNS):
        for case in timed if turn % 2 == 0 else reversed(timed):
            started = time.perf_counter()
            for _ in range(case.calls):
                case.work()
            figures[case.name].append((time.perf_counter() - started) / case.calls * 1e6)
    return figures


def main() -> None:
    timed = cases()
    figures = measure(timed)
    middle = {name: statistics.median(seen) for name, seen in figures.items()}
    for case in timed:
        seen = figures[case.name]
        beyond = f"  {middle[case.name] - middle[case.floor]:+7.1f} us beyond its floor" if case.floor else ""
        print(f"{case.name:34} {middle[case.name]:8.1f} us [{min(seen):.1f}..{max(seen):.1f}]{beyond}")


if __name__ == "__main__":
    main()
