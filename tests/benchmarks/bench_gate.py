"""Signed round trips a second through the whole gate of 64 miners, against bare gRPC with the same signatures.

    python -m tests.benchmarks.bench_gate [--miners 64] [--turns 9] [--seconds 1.0]

Ours: a validator's question (Reveal) is sealed, sent by `GrpcCaller` with a deadline, admitted by a real `MinerNode`
(all of protocol/admission.py), answered from its stored draft, its nonce made durable in SQLite (synchronous=FULL),
the reply signed, and opened and checked here. The floor is grpc.aio with bytes of the same size and the same four
Ed25519 operations, a deadline, and nothing else. A round asks every miner once, all at the same time; the miners of
each case live in one process, one port each, and the caller in another. Goal: 0.65 of the floor, aim 0.85.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from neurons.clock import SystemClock
from neurons.entropy import SystemEntropy
from neurons.supervise import calm_collector
from neurons.transport.client import GrpcCaller
from protocol import codec
from protocol.envelope import deadline_after, open_reply, seal_body
from protocol.keys import SigningKey
from protocol.messages import NONCE_BYTES, Purpose, RevealReply, RevealRequest
from protocol.receipts import sign_receipt
from protocol.units import UnixMs
from tests.benchmarks.grpc_peers import peers, signed_floor
from tests.benchmarks.interleaved import Rate, Round, interleaved, others_note
from tests.benchmarks.miner_peers import PARAMS, ROUND, MinerPeer, miners

VALIDATOR: Final = SigningKey(b"v" * 32)


@asynccontextmanager
async def whole_gate(asked: Sequence[MinerPeer]) -> AsyncIterator[Round]:
    """One round: every miner reveals its draft, as `neurons.validating.asking` asks it; returns how many did."""
    clock, entropy, wire = SystemClock(), SystemEntropy(), PARAMS.wire
    caller = GrpcCaller(clock, wire)
    receipt = sign_receipt("commit", ROUND, asked[0].hotkey, evidence=b"", received_at_ms=0, key=VALIDATOR)
    body = codec.encode(RevealRequest(ROUND, UnixMs(0), receipt))

    async def ask(peer: MinerPeer) -> None:
        now = clock.now_ms()
        request = seal_body(
            body,
            purpose=Purpose.REVEAL,
            key=VALIDATOR,
            params=PARAMS,
            recipient=peer.hotkey,
            nonce=entropy.bytes(NONCE_BYTES),
            issued_at_ms=now,
            deadline_ms=deadline_after(now, wire.call_timeout_ms, wire),
        )
        raw = await caller.call(peer.endpoint, Purpose.REVEAL, request.raw, timeout_ms=wire.call_timeout_ms)
        reply = open_reply(raw, request=request, params=PARAMS, now_ms=clock.now_ms())
        assert isinstance(reply.message, RevealReply)

    async def one_round() -> int:
        await asyncio.gather(*(ask(peer) for peer in asked))
        return len(asked)

    try:
        yield one_round
    finally:
        await caller.aclose()


async def measure(folder: Path, *, count: int, turns: int, seconds: float) -> Mapping[str, Rate]:
    async with AsyncExitStack() as stack:
        addresses = await stack.enter_async_context(peers("signed", count))
        ours = await stack.enter_async_context(miners(count, validator=VALIDATOR.hotkey, folder=folder, paths=1))
        rounds: dict[str, Round] = {
            "bare gRPC, signed": await stack.enter_async_context(signed_floor(addresses)),
            "the whole gate": await stack.enter_async_context(whole_gate(ours)),
        }
        calm_collector()
        return await interleaved(rounds, turns=turns, seconds=seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--miners", type=int, default=64, help="miners asked in a round (default %(default)s)")
    parser.add_argument("--turns", type=int, default=9, help="how often each case is measured (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each turn lasts (default %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rates = asyncio.run(measure(Path(folder), count=options.miners, turns=options.turns, seconds=options.seconds))
    floor, ours = rates["bare gRPC, signed"], rates["the whole gate"]
    for kind, rate in rates.items():
        print(f"{kind:20}{rate}")
    print(
        f"ours / floor {ours.median / floor.median:.2f}, by CPU {floor.cpu_us / ours.cpu_us:.2f} "
        f"(at least 0.65, aim 0.85); {others_note(rates)}"
    )


if __name__ == "__main__":
    main()
