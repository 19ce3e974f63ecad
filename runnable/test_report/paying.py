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
from protocol.rules.settlement import ChallengeBook, Settlement
from protocol.rules.similarity import RoundDeviations
from protocol.units import NANO, Hotkey, Micros, Nano, UnixMs
from runnable.test_report.playing import Played

STRETCHES: Final = 4
"""Into how many the settling of a challenge is cut, so that processes can share it."""


@dataclass(frozen=True, slots=True)
class Job:
    """The rounds up to a stretch's end, of which those from `first` on are settled and those before remembered.

    deviations: of the rounds from `compared` on; older ones have no part in the sharing of the stretch.
    """

    challenge: str
    hotkeys: tuple[Hotkey, ...]
    params: NetworkParams
    first: int
    compared: int
    at_ms: NDArray[np.int64]
    baseline_nano: NDArray[np.int64]
    loss_nano: NDArray[np.int64]
    answered: NDArray[np.bool_]
    deviations: NDArray[np.int16]


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


def jobs_of(played: Played, hotkeys: tuple[Hotkey, ...], params: NetworkParams, *, cut: int = STRETCHES) -> list[Job]:
    """The rounds in stretches of equal length, oldest first."""
    book = ChallengeBook(params.challenge(played.challenge), params)
    bounds = [len(played.at_ms) * i // cut for i in range(cut + 1)]
    jobs = []
    for first, stop in pairwise(bounds):
        if first < stop:
            compared = int(np.searchsorted(played.at_ms, book.compares_from_ms(UnixMs(int(played.at_ms[first])))))
            jobs.append(
                Job(
                    played.challenge,
                    hotkeys,
                    params,
                    first,
                    compared,
                    played.at_ms[:stop],
                    played.baseline_nano[:stop],
                    played.loss_nano[:stop],
                    played.answered[:stop],
                    played.deviations[compared:stop],
                )
            )
    return jobs


def settle(job: Job) -> Paid:
    """Shows a book every round in order, and settles those of the stretch."""
    book, paid = ChallengeBook(job.params.challenge(job.challenge), job.params), []
    for i in range(len(job.at_ms)):
        anchor, scores = UnixMs(int(job.at_ms[i])), _scores(job, i)
        book.remember(anchor, Nano(int(job.baseline_nano[i])), scores)
        if i >= job.compared:
            told = job.deviations[i - job.compared]
            given = {hotkey: told[c] for c, hotkey in enumerate(job.hotkeys) if job.answered[i, c]}
            book.window.add(RoundDeviations(anchor, given))
        if i >= job.first:
            paid.append(_of_round(book.settle(anchor, scores), job))
    return joined(paid)


def _of_round(settlement: Settlement, job: Job) -> Paid:
    """One round's pay, by contender; alone with the rules' own arithmetic for a single claim."""
    pays = {pay.hotkey: pay for pay in settlement.pay.miners}
    proofs = [settlement.proofs[hotkey] for hotkey in job.hotkeys]
    slice_micros, alone = settlement.pay.slice_micros, []
    for hotkey, proof in zip(job.hotkeys, proofs, strict=True):
        claim = Claim(hotkey, proof.skill_nano, Nano(NANO), Nano(0), is_answered=hotkey in pays)
        [pay] = settle_round([claim], slice_micros=slice_micros, pay=job.params.pay).miners
        alone.append(pay.accrued_micros)
    return Paid(
        accrued_micros=np.array([[pays[h].accrued_micros if h in pays else 0 for h in job.hotkeys]], np.int64),
        alone_micros=np.array([alone], np.int64),
        skill_nano=np.array([[proof.skill_nano for proof in proofs]], np.int64),
        shared_nano=np.array([[pays[h].shared_skill_nano if h in pays else 0 for h in job.hotkeys]], np.int64),
        slice_micros=np.array([slice_micros], np.int64),
        reasons=tuple(proof.reason for proof in proofs),
    )


def joined(parts: Sequence[Paid]) -> Paid:
    """The stretches of one challenge, oldest first."""
    return Paid(
        np.concatenate([part.accrued_micros for part in parts]),
        np.concatenate([part.alone_micros for part in parts]),
        np.concatenate([part.skill_nano for part in parts]),
        np.concatenate([part.shared_nano for part in parts]),
        np.concatenate([part.slice_micros for part in parts]),
        parts[-1].reasons,
    )


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


def _scores(job: Job, i: int) -> list[MinerScore]:
    """The i-th round's scores, by hotkey as `kind.score` orders them."""
    baseline = int(job.baseline_nano[i])
    scores = []
    for hotkey, answered, loss in zip(job.hotkeys, job.answered[i].tolist(), job.loss_nano[i].tolist(), strict=True):
        gain = baseline - loss if answered else 0
        scores.append(MinerScore(hotkey, VALID if answered else SILENT, Nano(loss), Nano(gain)))
    return sorted(scores, key=lambda score: score.hotkey)
