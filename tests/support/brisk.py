"""Params and parts for scenarios that must be over in a blink: rounds of an hour, epochs of two, pay from the start.

outcome = play(scenario)                # runs it in a World under BRISK, returns what its validator stored
assert play(with_attack).of("alice") == play(without).of("alice")
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from neurons.ports import Store
from neurons.records import EpochRow, PayRow, RefusalRow, RoundRow, ScoreRow, SubmissionRow
from neurons.store.memory import MemoryStore
from protocol.answers import answer_of
from protocol.codec import decode, decode_header
from protocol.envelope import seal
from protocol.keys import SigningKey
from protocol.messages import Answer, Opening, Purpose
from protocol.params import NetworkParams
from protocol.rules.ledger import Account, Transaction, Unit
from protocol.units import HOUR_MS, MINUTE_MS, Hotkey
from protocol.wrapper import encode_envelope, split_envelope
from tests.support.world import SERIES, SHORT_HISTORY, WalkMarket, World, run_world, signing_key

STEP_MS = 5 * MINUTE_MS
POINT, PATHS = "closes.point", "closes.paths"
BRISK: NetworkParams = replace(
    SHORT_HISTORY,
    challenges=(SHORT_HISTORY.challenges[0], replace(SHORT_HISTORY.challenges[1], asked_paths=64)),
    time=replace(
        SHORT_HISTORY.time,
        steps=12,
        min_history_steps=24,
        void_after_ms=30 * MINUTE_MS,
        dispute_window_ms=15 * MINUTE_MS,
        epoch_ms=2 * HOUR_MS,
    ),
    skill=replace(SHORT_HISTORY.skill, block_steps=3, min_blocks=3),
    sharing=replace(SHORT_HISTORY.sharing, lags_steps=(0, 1, 2, 3, 6)),
    pay=replace(SHORT_HISTORY.pay, bootstrap_share_ppm=200_000),
)
"""Twelve steps a round, skill provable within the hour, and a bootstrap share, so that there is pay to steal."""

ANCHOR = 1_750_000_200_000 - 1_750_000_200_000 % HOUR_MS + HOUR_MS
"""The first full hour of virtual time: an anchor of both challenges."""


@dataclass
class Oracle:
    """An honest miner that knows too much: the walk that is to come, a little off, so that its skill is proven soon."""

    market: WalkMarket
    seed: int = 0
    noise: float = 0.2
    model: str = "oracle"

    async def answer(self, opening: Opening, *, now_ms: int) -> Answer:
        chance = np.random.default_rng([self.seed, opening.anchor_at_ms // opening.step_ms])
        ahead = [self.market.close(opening.anchor_at_ms + k * opening.step_ms) for k in range(opening.steps + 1)]
        path = np.log(np.array(ahead[1:]) / ahead[0])
        spread = self.noise * opening.sigma_pico / 1e12
        off = np.cumsum(chance.normal(0, spread, (opening.asked_paths, opening.steps)), axis=1)
        return answer_of((path + off).astype(np.float32))

    async def aclose(self) -> None:
        return None


@dataclass(frozen=True)
class Outcome:
    """What a validator's store holds when a scenario is over."""

    rounds: list[RoundRow]
    scores: dict[Hotkey, list[ScoreRow]]
    pays: dict[Hotkey, list[PayRow]]
    submissions: list[SubmissionRow]
    epochs: list[EpochRow]
    transactions: list[Transaction]
    balances: dict[tuple[Account, Unit], int]
    refusals: list[RefusalRow]
    offences: dict[Hotkey, int] = field(default_factory=dict)

    def of(self, name: str) -> tuple[list[Any], list[Any]]:
        """A miner's losses and accruals, round by round, with everything that they were made of but the sharing."""
        key = signing_key(name).hotkey
        scores = [(s.round_id, s.status, s.loss_nano, s.baseline_loss_nano, s.gain_nano) for s in self.scores[key]]
        return scores, [
            (p.round_id, p.skill_nano, p.shared_skill_nano, p.accrued_micros) for p in self.pays.get(key, ())
        ]

    def statuses(self, name: str, challenge: str = POINT) -> Counter[str]:
        key = signing_key(name).hotkey
        return Counter(score.status for score in self.scores.get(key, ()) if score.challenge == challenge)

    def gains(self, name: str) -> set[tuple[str, int]]:
        """(status, gain in multiples of the baseline's loss, rounded down) of every scored round."""
        return {(s.status, s.gain_nano // s.baseline_loss_nano) for s in self.scores[signing_key(name).hotkey]}

    def refused(self, name: str | None = None) -> Counter[str]:
        """Refusals by code: those of one miner, or all."""
        counts: Counter[str] = Counter()
        for row in self.refusals:
            if name is None or row.hotkey == signing_key(name).hotkey:
                counts[row.code] += row.count
        return counts

    def accrued(self, name: str) -> int:
        return sum(pay.accrued_micros for pay in self.pays.get(signing_key(name).hotkey, ()))

    def check_money(self) -> None:
        """Every posting sums to zero, each epoch is closed once, and what it paid is what its rounds accrued."""
        assert 0 == sum(self.balances.values())
        assert all(0 == sum(p.amount_micros for p in t.postings) for t in self.transactions)
        ids = [transaction.id for transaction in self.transactions]
        assert sorted(set(ids)) == sorted(ids)
        for epoch in self.epochs:
            due = sum(
                pay.accrued_micros
                for pays in self.pays.values()
                for pay in pays
                if (pay.challenge, pay.epoch) == (epoch.challenge, epoch.epoch)
            )
            assert due == epoch.paid_micros


async def outcome_of(store: Store) -> Outcome:
    rounds = list(await store.rounds(limit=10_000, newest_first=False))
    scores: dict[Hotkey, list[ScoreRow]] = {}
    pays: dict[Hotkey, list[PayRow]] = {}
    submissions: list[SubmissionRow] = []
    for row in rounds:
        for score in await store.round_scores(row.round_id):
            scores.setdefault(score.hotkey, []).append(score)
        for pay in await store.pays(row.round_id):
            pays.setdefault(pay.hotkey, []).append(pay)
        submissions += await store.submissions(row.round_id)
    return Outcome(
        rounds,
        scores,
        pays,
        submissions,
        [epoch for challenge in (POINT, PATHS) for epoch in await store.epochs(SERIES, challenge)],
        [transaction async for transaction in await store.transactions()],
        dict(await store.balances()),
        list(await store.refusals()),
        {miner.hotkey: miner.offences for miner in await store.miners()},
    )


def play(
    scenario: Callable[[World], Awaitable[None]],
    *,
    until_ms: int = ANCHOR + 90 * MINUTE_MS,
    params: NetworkParams = BRISK,
) -> Outcome:
    """Runs a scenario, lets time pass until then, and returns what its validator stored; money always adds up."""
    outcomes: list[Outcome] = []

    async def whole(world: World) -> None:
        await scenario(world)
        await world.until(until_ms)
        outcomes.append(await outcome_of(world.validator_store))

    run_world(whole, params=params)
    outcomes[0].check_money()
    return outcomes[0]


def rows_of(store: Store, *, but: frozenset[str] = frozenset({"refusals"})) -> dict[str, list[Any]]:
    """Every row of a memory store by table, to see that nothing changed."""
    assert isinstance(store, MemoryStore)
    return {name: list(rows) for name, rows in store.snapshot() if name not in but}


def purpose_of(raw: bytes) -> Purpose:
    return decode_header(split_envelope(raw, len(raw))[0]).purpose


def only(purpose: Purpose, change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """`change` for the envelopes of one purpose, the others as they are."""
    return lambda raw: change(raw) if purpose_of(raw) is purpose else raw


def resigned(
    key: SigningKey, purpose: Purpose, change: Callable[[Any], Any], *, params: NetworkParams = BRISK
) -> Callable[[bytes], bytes]:
    """What a hostile node itself says instead of its honest message of that purpose: changed, and signed anew."""

    def alter(raw: bytes) -> bytes:
        header_bytes, _, body = split_envelope(raw, len(raw))
        header = decode_header(header_bytes)
        return seal(
            change(decode(header.purpose, body)),
            key=key,
            params=params,
            recipient=header.recipient,
            nonce=header.nonce,
            issued_at_ms=header.issued_at_ms,
            deadline_ms=header.deadline_ms,
            in_reply_to=header.in_reply_to,
        ).raw

    return only(purpose, alter)


def with_section_flipped(section: int) -> Callable[[bytes], bytes]:
    """Flips the last bit of one section of an envelope: 0 header, 1 signature, 2 body."""

    def flip(raw: bytes) -> bytes:
        sections = list(split_envelope(raw, len(raw)))
        sections[section] = sections[section][:-1] + bytes([sections[section][-1] ^ 1])
        return encode_envelope(*sections)

    return flip
