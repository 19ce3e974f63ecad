"""Whole rounds over loopback: asked, committed, revealed, scored, paid, and told; every process ends when told to."""

from __future__ import annotations

import signal
from itertools import groupby

import pytest

from protocol.rules.challenges import VALID
from protocol.rules.rounds import RoundState
from runnable.demo.cast import SERIES
from runnable.demo.market import GENERATED_NOW_MS
from tests.support.processes import FAST, MINERS

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

EPOCHS = ("closes.point", "closes.paths")


def test_a_round_goes_from_its_opening_to_its_pay_between_real_processes(found_town):
    town = found_town(scale=FAST)
    town.start_everybody()
    validator = town.validator

    live = town.until(
        lambda: [
            row for row in validator.rounds(state="scoring", from_ms=GENERATED_NOW_MS) if row.provenance == "live"
        ],
        "a live round is asked and answered",
    )
    first = min(live, key=lambda row: (row.anchor_at_ms, row.challenge))
    everybody = {town.hotkey(name) for name in MINERS}
    assert everybody == validator.commitments(first.round_id).keys()
    assert dict.fromkeys(everybody, VALID) == {
        hotkey: row.status for hotkey, row in validator.submissions(first.round_id).items()
    }

    town.until(lambda: validator.state_of(first.round_id) == RoundState.FINAL, "it is final", within_s=90)
    scores = validator.ask(lambda store: store.round_scores(first.round_id))
    assert everybody == {score.hotkey for score in scores}
    assert {VALID} == {score.status for score in scores}
    told = town.miner("ewma").ask(lambda store: store.feedback())
    assert first.round_id in {row.round_id for row in told}

    epochs = [epoch for name in EPOCHS for epoch in validator.ask(lambda store, name=name: store.epochs(SERIES, name))]
    assert epochs
    for name, paid in groupby(epochs, lambda epoch: epoch.challenge):
        numbers = [epoch.epoch for epoch in paid]
        assert sorted(set(numbers)) == numbers, name
    balances = validator.ask(lambda store: store.balances())
    assert 0 == sum(balances.values())
    refused = {row.code for row in validator.ask(lambda store: store.refusals())}
    assert refused <= {"peer-unreachable"}, "miners of before, asked at their old ports until they had registered anew"

    assert {0} == {program.end(signal.SIGTERM) for program in town.programs.values()}
