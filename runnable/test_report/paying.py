"""What resolved rounds pay their contenders: memory, sharing and slices as a validator keeps them, closed by epoch.

Rounds resolve in the order of their anchors, so a book that is shown them in that order holds at each what a
validator's holds. A stretch is settled by a book that first remembers what came before, as a validator does at a start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from protocol.params import NetworkParams
from protocol.rules.calendar import epoch_of
from protocol.rules.challenges import SILENT, VALID, MinerScore
from protocol.rules.emission import epoch_pool_micros
from protocol.rules.incentives import Claim, settle_round
from protocol.rules.ledger import Pool, balance_account, epoch_close_transaction
from protocol.rules.settlement import ChallengeBook
from protocol.rules.similarity import RoundDeviations
from protocol.units import NANO, Hotkey, Micros, Nano, UnixMs
from runnable.test_report.playing import Played

STRETCHES: Final = 4
"""Into how many the settling of a challenge is cut, so that processes can share it."""


@dataclass(frozen=True, slots=True)
class Job:
    """The rounds from `first` to `stop` are settled; those before are only remembered."""

    played: Played
    hotkeys: tuple[Hotkey, ...]
    params: NetworkParams
    first: int
    stop: int


@dataclass(frozen=True, slots=True)
class Paid:
    """What each round accrued; a row a round, a column a contender.

    accrued_micros: among all.  alone_micros: what the same proofs would accrue with nobody to share with.
    skill_nano: proven.  shared_nano: after sharing, 0 where it gave no answer.  slice_micros: (n,), the most a round
    can pay.  reason: of the last proof.
    """

    accrued_micros: NDArray[np.int64]
    alone_micros: NDArray[np.int64]
    skill_nano: NDArray[np.int64]
    shared_nano: NDArray[np.int64]
    slice_micros: NDArray[np.int64]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Epochs:
    """What the closes of epochs paid: epochs (e,), paid_micros (e, contenders), alone_micros (e, contenders)."""

    epochs: NDArray[np.int64]
    paid_micros: NDArray[np.int64]
    alone_micros: NDArray[np.int64]


def jobs_of(played: Played, hotkeys: tuple[Hotkey, ...], params: NetworkParams) -> list[Job]:
    """The rounds in stretches of equal length, oldest first."""
    n = len(played.at_ms)
    bounds = [n * i // STRETCHES for i in range(STRETCHES + 1)]
    return [Job(played, hotkeys, params, first, stop) for first, stop in pairwise(bounds)]


def settle(job: Job) -> Paid:
    """Shows the book every round up to `stop`, and settles those from `first` on."""
    played, params = job.played, job.params
    challenge = params.challenge(played.challenge)
    book = ChallengeBook(challenge, params)
    compares_from = book.compares_from_ms(UnixMs(int(played.at_ms[job.first]))) if job.first < job.stop else 0
    rows: list[tuple[list[int], list[int], list[int], list[int], int]] = []
    reasons: tuple[str, ...] = ("",) * len(job.hotkeys)
    for i in range(job.stop):
        anchor = UnixMs(int(played.at_ms[i]))
        scores = _scores(played, i, job.hotkeys)
        book.remember(anchor, Nano(int(played.baseline_nano[i])), scores)
        if anchor >= compares_from:
            given = {h: played.deviations[i, c] for c, h in enumerate(job.hotkeys) if played.answered[i, c]}
            book.window.add(RoundDeviations(anchor, given))
        if i < job.first:
            continue
        settlement = book.settle(anchor, scores)
        pays = {pay.hotkey: pay for pay in settlement.pay.miners}
        proofs = [settlement.proofs[hotkey] for hotkey in job.hotkeys]
        slice_micros, alone = settlement.pay.slice_micros, []
        for hotkey, proof in zip(job.hotkeys, proofs, strict=True):
            claim = Claim(hotkey, proof.skill_nano, Nano(NANO), Nano(0), is_answered=hotkey in pays)
            [pay] = settle_round([claim], slice_micros=slice_micros, pay=params.pay).miners
            alone.append(int(pay.accrued_micros))
        accrued = [int(pays[h].accrued_micros) if h in pays else 0 for h in job.hotkeys]
        shared = [int(pays[h].shared_skill_nano) if h in pays else 0 for h in job.hotkeys]
        rows.append((accrued, alone, [int(proof.skill_nano) for proof in proofs], shared, int(slice_micros)))
        reasons = tuple(proof.reason for proof in proofs)
    shapes = [(len(rows), len(job.hotkeys))] * 4 + [(len(rows),)]
    columns = [np.array([row[k] for row in rows], np.int64).reshape(shape) for k, shape in enumerate(shapes)]
    return Paid(*columns, reasons)


def joined(parts: Sequence[Paid]) -> Paid:
    """The stretches of one challenge, oldest first."""
    names = ("accrued_micros", "alone_micros", "skill_nano", "shared_nano", "slice_micros")
    return Paid(*(np.concatenate([getattr(part, name) for part in parts]) for name in names), parts[-1].reasons)


def close_epochs(played: Played, paid: Paid, hotkeys: Sequence[Hotkey], params: NetworkParams, series: str) -> Epochs:
    """Pays each epoch as its close does. Raises LedgerFault (ours) when an epoch accrued more than its pool."""
    challenge = params.challenge(played.challenge)
    of_round = np.array([epoch_of(UnixMs(int(at)), params.time) for at in played.at_ms], np.int64)
    epochs = np.unique(of_round)
    pool_micros = epoch_pool_micros(params, challenge)
    paid_micros, alone_micros = [], []
    for epoch in epochs.tolist():
        of_epoch = of_round == epoch
        own = paid.accrued_micros[of_epoch].sum(axis=0).tolist()
        accrued = {hotkey: Micros(micros) for hotkey, micros in zip(hotkeys, own, strict=True) if micros}
        pool = Pool(series, played.challenge, epoch)
        close = epoch_close_transaction(pool, pool_micros=pool_micros, accrued_micros=accrued, at_ms=UnixMs(0))
        balances = {posting.account: int(posting.amount_micros) for posting in close.postings}
        paid_micros.append([balances.get(balance_account(hotkey), 0) for hotkey in hotkeys])
        alone_micros.append(paid.alone_micros[of_epoch].sum(axis=0).tolist())
    return Epochs(epochs, np.array(paid_micros, np.int64), np.array(alone_micros, np.int64))


def _scores(played: Played, i: int, hotkeys: Sequence[Hotkey]) -> list[MinerScore]:
    """The i-th round's scores, by hotkey as `kind.score` orders them."""
    baseline = int(played.baseline_nano[i])
    scores = []
    for c, hotkey in enumerate(hotkeys):
        loss = int(played.loss_nano[i, c])
        if played.answered[i, c]:
            scores.append(MinerScore(hotkey, VALID, Nano(loss), Nano(baseline - loss)))
        else:
            scores.append(MinerScore(hotkey, SILENT, Nano(0), Nano(0)))
    return sorted(scores, key=lambda score: score.hotkey)
