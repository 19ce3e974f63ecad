"""Fills a validator's store with days of rounds, as if it had been running: simulated miners, generated numbers.

One point round every five minutes; every miner committed, revealed a path and was scored. Rounds whose last step is
still ahead wait for it, those before are resolved, and those whose dispute window has passed are final, their epochs
paid. Evidence is as long as real envelopes are. What is scored is not what was answered: only sizes matter here.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Final

import numpy as np

from neurons.market.candles import CandleArrays
from neurons.market.evidence import no_history, row_of
from neurons.market.feed import agreed_closes
from neurons.market.settling import SettleRules
from neurons.ports import Store
from neurons.records import (
    Change,
    CloseRow,
    CommitmentRow,
    EpochRow,
    MinerRow,
    RoundRow,
    ScoreRow,
    SharingRow,
    SubmissionRow,
)
from neurons.validating.opening import opening_record
from neurons.validating.settling import SCORED_STATES, Settling
from neurons.validating.sharing import CHECKPOINTS, sums_due
from protocol import codec
from protocol.messages import Answer
from protocol.params import NetworkParams
from protocol.rules.calendar import epoch_bounds_ms, epoch_of, epoch_payable_from_ms, round_times, step_closes_ms
from protocol.rules.rounds import RoundState, Truth
from protocol.rules.similarity import GENERATIONS
from protocol.units import DAY_MS, Digest, Hotkey, Micros, Nano, Pico, PriceE8, RoundId, UnixMs

CHALLENGE: Final = "closes.point"
SIGMA: Final = Pico(1_000_000_000)
BASELINE: Final = Nano(800_000_000)
ROUNDS_A_CHANGE: Final = 24
VENUES: Final = ("venue0", "venue1", "venue2")


def hotkeys(count: int) -> list[Hotkey]:
    return [Hotkey(hashlib.sha256(b"simulated miner %d" % number).digest()) for number in range(count)]


async def fill(
    store: Store, params: NetworkParams, series: str, *, miners: int, days: int, now_ms: int, endpoint: str
) -> list[RoundId]:
    """Rounds anchored from `days` before now until now; returns the ids of those that are scored, oldest first."""
    time, names = params.time, hotkeys(miners)
    begins = now_ms - days * DAY_MS
    await store.apply(
        Change(
            miners=tuple(MinerRow(name, endpoint, (CHALLENGE,), UnixMs(begins - DAY_MS)) for name in names),
            closes=tuple(_closes(series, params, begins, now_ms)),
        )
    )
    chance, rows, changes = np.random.default_rng(1), [], []
    first = begins - begins % time.step_ms
    for anchor in range(first, now_ms - time.commit_opens_before_ms, time.step_ms):
        row = _round(params, series, UnixMs(anchor), now_ms)
        rows.append(row)
        changes.append(row)
        if len(changes) == ROUNDS_A_CHANGE:
            await store.apply(_change(changes, names, chance))
            changes = []
    await store.apply(_change(changes, names, chance))
    epochs = range(epoch_of(UnixMs(first), time), epoch_of(UnixMs(now_ms - now_ms % time.step_ms), time) + 1)
    await store.apply(
        Change(
            epochs=tuple(
                EpochRow(series, CHALLENGE, epoch, epoch_bounds_ms(epoch, time)[1], Micros(0), Micros(0))
                for epoch in epochs
                if epoch_payable_from_ms(epoch, time) <= now_ms
            )
        )
    )
    return [row.round_id for row in rows if row.state != RoundState.SCORING]


def wave_e8(close_at_ms: int, step_ms: int) -> PriceE8:
    """The close that the store holds for this instant, and that every venue of a `Wave` gives."""
    return PriceE8(round(60_000e8 * (1 + 0.01 * np.sin(close_at_ms / step_ms / 50))))


class Wave:
    """The candles of a venue whose closes are those of the store, as a CandleSource."""

    label: Final = "a slow wave (generated)"

    def __init__(self, step_ms: int, first_ms: int) -> None:
        self.step_ms, self.first_ms = step_ms, UnixMs(first_ms)

    def candles(self, from_ms: int, to_ms: int) -> CandleArrays:
        first = -(-max(from_ms, self.first_ms) // self.step_ms) * self.step_ms
        opens = np.arange(first, to_ms, self.step_ms, dtype=np.int64)
        closes = np.array([wave_e8(at + self.step_ms, self.step_ms) for at in opens.tolist()], dtype=np.int64)
        return CandleArrays(opens, np.tile(closes, (4, 1)), np.ones(len(opens)))


async def write_sums(store: Store, params: NetworkParams, series: str) -> tuple[RoundRow, tuple[SharingRow, ...]]:
    """Stores the sharing sums that a node which had been running would have stored last; the round they came with."""
    limit = 2 * (params.sharing.window_ms + DAY_MS) // params.time.step_ms
    rounds = await store.rounds(challenge=CHALLENGE, limit=limit, newest_first=False)
    scored = [row for row in rounds if row.state in SCORED_STATES]
    span_ms = params.sharing.window_ms // GENERATIONS // CHECKPOINTS
    newest_span = scored[-1].anchor_at_ms // span_ms
    last = next(row for row in scored if row.anchor_at_ms // span_ms == newest_span)
    book = await Settling(store, params).book_before(series, CHALLENGE, UnixMs(last.anchor_at_ms + 1), meanwhile=_pause)
    rows = sums_due(last, book.window)
    for row in rows:
        await store.apply(Change(sharing=(row,)))
    return last, rows


async def _pause() -> None:
    """What a re-score would do after each round: nothing is re-scored here."""


def _closes(series: str, params: NetworkParams, begins_ms: int, now_ms: int) -> Iterator[CloseRow]:
    """Every close that the oldest round needs and every one since, agreed of three venues, with its evidence."""
    time, rules = params.time, SettleRules.of(params)
    start = begins_ms - (params.loss.sigma_window_steps + time.steps) * time.step_ms
    wave = Wave(time.step_ms, start - start % time.step_ms - 2 * DAY_MS)
    for close in agreed_closes(
        dict.fromkeys(VENUES, wave),
        rules,
        from_ms=start - start % time.step_ms,
        to_ms=now_ms - time.settle_delay_ms - 1,
        history=no_history(params),
    ):
        yield row_of(close, series=series, agreed_at_ms=UnixMs(close.close_at_ms + time.settle_delay_ms))


def _round(params: NetworkParams, series: str, anchor: UnixMs, now_ms: int) -> RoundRow:
    times = round_times(anchor, params.time)
    opening = opening_record(
        params,
        series,
        CHALLENGE,
        anchor,
        sigma_pico=SIGMA,
        history_digest=Digest(bytes(32)),
        opened_at_ms=times.opens_at_ms,
    )
    after = (wave_e8(at, params.time.step_ms) for at in step_closes_ms(anchor, params.time))
    truth = Truth(wave_e8(anchor, params.time.step_ms), tuple(after))
    state, due = RoundState.SCORING, times.resolvable_from_ms
    if times.resolvable_from_ms < now_ms:
        state, due = RoundState.RESOLVED, UnixMs(times.resolvable_from_ms + params.time.dispute_window_ms)
    if due < now_ms:
        state, due = RoundState.FINAL, None
    return RoundRow(
        opening.round_id,
        series,
        CHALLENGE,
        anchor,
        params.digest,
        state,
        due,
        codec.encode_opening(opening),
        SIGMA,
        "simulated",
        "",
        anchor_close_e8=truth.anchor_e8,
        truth_digest=None if state is RoundState.SCORING else Digest(truth.digest),
        baseline_loss_nano=None if state is RoundState.SCORING else BASELINE,
    )


def _change(rounds: list[RoundRow], names: list[Hotkey], chance: np.random.Generator) -> Change:
    """The rounds with everybody's commitment, answer and score; randomness of the size that the real thing has."""
    commitments, submissions, scores = [], [], []
    for row in rounds:
        paths = chance.normal(0, 1e-3, (len(names), 100)).astype("<f4")
        gains = chance.integers(-(10**8), 10**8, len(names)).tolist()
        for name, path, gain in zip(names, paths, gains, strict=True):
            salt, values = os.urandom(32), path.tobytes()
            received = UnixMs(row.anchor_at_ms - 30_000)
            commitments.append(CommitmentRow(row.round_id, name, Digest(os.urandom(32)), received, os.urandom(330)))
            submissions.append(
                SubmissionRow(
                    row.round_id, name, 0, UnixMs(row.anchor_at_ms + 20_000), "valid", "",
                    Answer((1, 100), "float32", values), salt, os.urandom(330) + salt + values,
                )
            )  # fmt: skip
            if row.state != RoundState.SCORING:
                loss = Nano(BASELINE - gain)
                scores.append(
                    ScoreRow(
                        row.round_id, name, row.series, row.challenge, row.anchor_at_ms, "valid", loss, BASELINE,
                        Nano(gain),
                    )
                )  # fmt: skip
    return Change(
        rounds=tuple(rounds), commitments=tuple(commitments), submissions=tuple(submissions), scores=tuple(scores)
    )
