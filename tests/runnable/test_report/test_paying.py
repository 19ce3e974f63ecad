"""Pay of a test: settled in stretches or at once, alone or among others, never more than there is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from protocol.params import MAIN
from protocol.rules.emission import epoch_pool_micros
from protocol.units import HOUR_MS, NANO, Hotkey
from runnable.test_report.paying import close_epochs, jobs_of, joined, settle
from runnable.test_report.playing import Played
from runnable.test_report.trial import PATHS

HOTKEYS = tuple(Hotkey(bytes([i]) * 32) for i in (3, 1, 2))
PARAMS = replace(MAIN, sharing=replace(MAIN.sharing, window_ms=2 * 24 * HOUR_MS))


@pytest.fixture(scope="module")
def played() -> Played:
    """Twenty days of rounds: a skilled key, its copy, and one that knows nothing; all silent now and then."""
    n, steps = 20 * 24, PARAMS.time.steps
    chance = np.random.default_rng(1)
    gains = np.stack([0.08 + 0.02 * chance.standard_normal(n)] * 2 + [0.05 * chance.standard_normal(n)], axis=1)
    deviations = chance.integers(-900, 900, (n, 3, steps, 10)).astype(np.int16)
    deviations[:, 1] = deviations[:, 0]
    baseline = np.full(n, NANO // 2, np.int64)
    loss = (baseline[:, None] * (1.0 - gains)).astype(np.int64)
    answered = chance.random((n, 3)) < 0.97
    empty = np.zeros((n, 0))
    at_ms = np.arange(400_000, 400_000 + n, dtype=np.int64) * HOUR_MS
    return Played(PATHS, at_ms, baseline, baseline, np.where(answered, loss, 0), answered,
                  np.where(answered[:, :, None, None], deviations, 0), empty, empty, empty, empty)  # fmt: skip


def test_a_book_that_begins_in_the_middle_settles_as_one_that_was_there(played):
    [job] = jobs_of(played, HOTKEYS, PARAMS, cut=1)
    whole = settle(job)
    cut = joined([settle(job) for job in jobs_of(played, HOTKEYS, PARAMS)])

    for name in ("accrued_micros", "alone_micros", "skill_nano", "shared_nano", "slice_micros"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(cut, name))
    assert whole.reasons == cut.reasons


def test_a_copy_halves_the_reward_and_the_ignorant_earn_nothing(played):
    paid = joined([settle(job) for job in jobs_of(played, HOTKEYS, PARAMS)])
    total, alone = paid.accrued_micros[-100:].sum(axis=0), paid.alone_micros[-100:].sum(axis=0)

    assert total[0] == pytest.approx(total[1], rel=0.1)
    assert total[:2].sum() < 1.1 * alone[:2].max()
    assert 0 == total[2] == alone[2]
    assert not paid.accrued_micros[~played.answered].any()
    assert not paid.alone_micros[~played.answered].any()
    assert (paid.accrued_micros.sum(axis=1) <= paid.slice_micros).all()


def test_epochs_pay_exactly_what_their_rounds_accrued(played):
    paid = joined([settle(job) for job in jobs_of(played, HOTKEYS, PARAMS)])
    epochs = close_epochs(played, paid, HOTKEYS, PARAMS, "BTC-USD")

    np.testing.assert_array_equal(paid.accrued_micros.sum(axis=0), epochs.paid_micros.sum(axis=0))
    assert (epochs.paid_micros.sum(axis=1) <= epoch_pool_micros(PARAMS, PARAMS.challenge(PATHS))).all()
