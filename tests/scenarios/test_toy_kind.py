"""The house has room: a kind of standing, pushed submissions goes through the same wire, store, book and ledger."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from neurons.records import Change, EpochRow, PayRow, RoundRow, ScoreRow, SubmissionRow
from neurons.store.memory import MemoryStore
from neurons.store.sqlite import SqliteStore
from neurons.validating.accruals import pay_rows
from neurons.validating.intake import entries_of
from protocol.admission import Gate, SenderStanding
from protocol.answers import answer_of
from protocol.envelope import seal
from protocol.errors import InvalidAnswer
from protocol.messages import NONCE_BYTES, Purpose, SubmitRequest
from protocol.params import ChallengeParams
from protocol.rules.calendar import epoch_of
from protocol.rules.challenges import SILENT, VALID, MinerScore
from protocol.rules.emission import epoch_pool_micros
from protocol.rules.ledger import (
    AUG,
    Pool,
    accrual_transaction,
    balance_account,
    epoch_close_transaction,
    fund_pool_transaction,
)
from protocol.rules.rounds import RoundState, round_id
from protocol.rules.settlement import ChallengeBook
from protocol.units import MINUTE_MS, NANO, PICO, Micros, Pico, UnixMs
from tests.support.brisk import ANCHOR, BRISK
from tests.support.toy_kind import StandingNumber, Subject
from tests.support.world import signing_key

STANDING = ChallengeParams("toy.standing", 5 * MINUTE_MS, 1, 1, 1, 1_000_000)
PARAMS = replace(
    BRISK,
    network="augury-toys",
    challenges=(STANDING,),
    time=replace(BRISK.time, steps=1),
    skill=replace(BRISK.skill, block_steps=1, min_blocks=3),
    sharing=replace(BRISK.sharing, lags_steps=(0,)),
)
SERIES, KIND = "weather", StandingNumber()
VALIDATOR, ALICE, BOB, CAROL = (signing_key(name) for name in ("validator", "alice", "bob", "carol"))
STREAM = round_id(PARAMS, SERIES, STANDING, UnixMs(0))
"""What standing submissions are submitted to: no round, but the stream that all its rounds look at."""
SCALE = Pico(PICO)
"""The unit in which numbers of this kind deviate from the baseline: they reach from 0 to 1."""


class Everybody:
    def standing_of(self, hotkey):
        return SenderStanding(known=True)


class House:
    """A validator's parts around one stream: gate, store, book. Pushes come in, rounds are settled, epochs paid."""

    def __init__(self, store):
        self.store, self.kind = store, KIND
        self.gate = Gate(me=VALIDATOR.hotkey, accepted=[PARAMS], senders=Everybody())
        self.book = ChallengeBook(STANDING, PARAMS)
        self.pushed = 0

    async def push(self, key, number, *, at_ms):
        """A signed push through the gate into a row; each of a hotkey gets the next sequence number."""
        self.pushed += 1
        answer = answer_of(np.array([number], dtype=np.float64))
        envelope = seal(
            SubmitRequest(STANDING.name, SERIES, b"", answer),
            key=key,
            params=PARAMS,
            recipient=VALIDATOR.hotkey,
            nonce=self.pushed.to_bytes(NONCE_BYTES, "big"),
            issued_at_ms=at_ms,
            deadline_ms=at_ms + 1_000,
        )
        admitted = self.gate.admit(envelope.raw, purpose=Purpose.SUBMIT, peer_ip="192.0.2.1", now_ms=at_ms)
        earlier = [row for row in await self.store.submissions(STREAM) if row.hotkey == key.hotkey]
        status, reason = VALID, ""
        try:
            self.kind.validate(self.subject(at_ms), admitted.message.answer)
        except InvalidAnswer as error:
            status, reason = error.code, error.public
        row = SubmissionRow(
            STREAM, key.hotkey, len(earlier), UnixMs(at_ms), status, reason, admitted.message.answer, b"", admitted.raw
        )
        await self.store.apply(Change(submissions=(row,)))

    def subject(self, cut_off_ms):
        return Subject(UnixMs(cut_off_ms), 60 * MINUTE_MS)

    async def in_force(self, cut_off_ms):
        subject = self.subject(cut_off_ms)
        return self.kind.select(subject, entries_of(subject, await self.store.submissions(STREAM), self.kind))

    async def settle(self, anchor_ms, truth_nano, *, participants=()):
        """Scores a round from what stood at its anchor, accrues its pay, stores everything in one change."""
        subject, selected = self.subject(anchor_ms), await self.in_force(anchor_ms)
        scores = self.kind.score(subject, selected, participants, truth_nano)
        self.book.remember(UnixMs(anchor_ms), scores.baseline_loss_nano, scores.scores)
        self.book.compare(UnixMs(anchor_ms), SCALE, selected)
        settlement = self.book.settle(UnixMs(anchor_ms), scores.scores)
        epoch = epoch_of(UnixMs(anchor_ms), PARAMS.time)
        pool = Pool(SERIES, STANDING.name, epoch)
        row = RoundRow(
            round_id(PARAMS, SERIES, STANDING, UnixMs(anchor_ms)), SERIES, STANDING.name, UnixMs(anchor_ms),
            PARAMS.digest, RoundState.FINAL, None, b"", SCALE, "live", baseline_loss_nano=scores.baseline_loss_nano,
        )  # fmt: skip
        accrued = {miner.hotkey: miner.accrued_micros for miner in settlement.pay.miners if miner.accrued_micros}
        transactions = [fund_pool_transaction(pool, epoch_pool_micros(PARAMS, STANDING), at_ms=UnixMs(anchor_ms))]
        if accrued:
            transactions.append(accrual_transaction(pool, row.round_id, accrued, revision=0, at_ms=UnixMs(anchor_ms)))
        told = tuple(
            ScoreRow(row.round_id, s.hotkey, SERIES, STANDING.name, row.anchor_at_ms, s.status, s.loss_nano,
                     scores.baseline_loss_nano, s.gain_nano)
            for s in scores.scores
        )  # fmt: skip
        await self.store.apply(
            Change(
                rounds=(row,),
                scores=told,
                pays=tuple(pay_rows(row, epoch, settlement)),
                transactions=tuple(transactions),
            )
        )
        return settlement

    async def close(self, epoch):
        pool, pool_micros = Pool(SERIES, STANDING.name, epoch), epoch_pool_micros(PARAMS, STANDING)
        accrued = {}
        for pay in await self.store.epoch_pays(SERIES, STANDING.name, epoch):
            accrued[pay.hotkey] = Micros(accrued.get(pay.hotkey, 0) + pay.accrued_micros)
        at = UnixMs((epoch + 1) * PARAMS.time.epoch_ms)
        close = epoch_close_transaction(pool, pool_micros=pool_micros, accrued_micros=accrued, at_ms=at)
        paid = Micros(sum(accrued.values()))
        row = EpochRow(SERIES, STANDING.name, epoch, at, paid, Micros(pool_micros - paid))
        await self.store.apply(Change(transactions=(close,), epochs=(row,)))


@pytest.fixture(params=["sqlite", "memory"])
def in_house(request, tmp_path):
    """Runs a check in a house on a fresh store, with all the time it takes."""

    async def run(check):
        store = await SqliteStore.open(tmp_path / "node.db") if request.param == "sqlite" else MemoryStore()
        async with store:
            await check(House(store))

    return lambda check: asyncio.run(run(check))


def test_the_latest_sound_number_before_the_cut_off_counts_until_it_is_replaced_or_lapses(in_house):
    async def check(house):
        await house.push(ALICE, 0.25, at_ms=ANCHOR)
        await house.push(BOB, 0.5, at_ms=ANCHOR + MINUTE_MS)
        await house.push(ALICE, 0.75, at_ms=ANCHOR + 10 * MINUTE_MS)
        await house.push(ALICE, np.nan, at_ms=ANCHOR + 20 * MINUTE_MS)

        async def stands(at_ms):
            return {hotkey: int(entry.answer[0, 0]) for hotkey, entry in (await house.in_force(at_ms)).items()}

        assert {} == await stands(ANCHOR)
        assert {ALICE.hotkey: NANO // 4, BOB.hotkey: NANO // 2} == await stands(ANCHOR + 5 * MINUTE_MS)
        assert {ALICE.hotkey: NANO // 4 * 3, BOB.hotkey: NANO // 2} == await stands(ANCHOR + 30 * MINUTE_MS)
        assert {ALICE.hotkey: NANO // 4 * 3} == await stands(ANCHOR + 65 * MINUTE_MS)
        rows = [row for row in await house.store.submissions(STREAM) if row.hotkey == ALICE.hotkey]
        assert [(0, "valid"), (1, "valid"), (2, "invalid-answer")] == [(row.sequence, row.status) for row in rows]

    in_house(check)


def test_one_push_is_scored_in_many_rounds_shared_among_copies_and_paid_at_the_close(in_house):
    async def check(house):
        await house.push(ALICE, 0.9, at_ms=ANCHOR - MINUTE_MS)
        await house.push(BOB, 0.9, at_ms=ANCHOR - MINUTE_MS)
        truths = [NANO * part // 100 for part in (80, 95, 88, 92, 85, 99, 90, 91)]
        for number, truth in enumerate(truths):
            await house.settle(ANCHOR + number * 5 * MINUTE_MS, truth, participants=[CAROL.hotkey])

        last = round_id(PARAMS, SERIES, STANDING, UnixMs(ANCHOR + 35 * MINUTE_MS))
        scores = {row.hotkey: row for row in await house.store.round_scores(last)}
        assert (VALID, NANO // 100, NANO * 90 // 100) == _figures(scores[ALICE.hotkey])
        assert (SILENT, 0, 0) == _figures(scores[CAROL.hotkey])
        pays: list[PayRow] = list(await house.store.pays(last))
        assert 2 == len(pays)
        assert pays[0].skill_nano // 2 == pays[0].shared_skill_nano > 0

        epoch = epoch_of(UnixMs(ANCHOR), PARAMS.time)
        await house.close(epoch)
        await house.close(epoch)
        balances = await house.store.balances()
        paid = [balances.get((balance_account(key.hotkey), AUG), 0) for key in (ALICE, BOB, CAROL)]
        [closed] = await house.store.epochs(SERIES, STANDING.name)
        assert abs(paid[0] - paid[1]) <= 2 * len(truths)
        assert (closed.paid_micros, 0) == (paid[0] + paid[1], paid[2])
        assert 0 == sum(balances.values())

    in_house(check)


def _figures(row):
    return row.status, row.loss_nano, row.gain_nano


def test_the_kind_asks_nobody():
    assert KIND.ask(Subject(UnixMs(0), 1)) is None
    assert not KIND.pulled


def test_its_scores_are_of_the_same_form_as_those_of_closes():
    [score] = KIND.score(Subject(UnixMs(0), 1), {}, [ALICE.hotkey], 5).scores
    assert MinerScore(ALICE.hotkey, SILENT, 0, 0) == score
