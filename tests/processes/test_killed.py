"""SIGKILL in mid-round: whoever is back in time goes on as if nothing had been, and nothing is done twice."""

from __future__ import annotations

import signal
from functools import partial

import pytest

from protocol.commitment import commitment
from protocol.rules.challenges import VALID
from protocol.rules.rounds import RoundState
from protocol.units import MINUTE_MS
from runnable.demo.cast import SERIES
from tests.support.processes import FAST, SLOW, Town

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

LONG_BEFORE_MS = 8 * MINUTE_MS
"""Until the round's anchor; then its answers are asked for half an hour, which is seven seconds at SLOW."""


def committed_round(town: Town):
    """A round that everybody has committed to and nobody may reveal for a while; and the commitments."""

    def find():
        now = town.now_ms()
        for row in town.validator.rounds(state=RoundState.COMMITTING):
            held = town.validator.commitments(row.round_id)
            if row.anchor_at_ms > now + LONG_BEFORE_MS and len(held) == len(town.cast.players):
                return row.round_id, held
        return None

    return town.until(find, "a round is committed to by all")


def revealed(town: Town, round_id: bytes):
    """The round's submissions, once everybody's is there."""

    def find():
        assert town.validator.state_of(round_id) != RoundState.VOID
        answers = town.validator.submissions(round_id)
        return answers if len(answers) == len(town.cast.players) else None

    return town.until(find, "everybody reveals")


def test_a_miner_killed_between_commit_and_reveal_reveals_what_it_committed_to(found_town):
    town = found_town(scale=SLOW)
    town.start_everybody()
    round_id, held = committed_round(town)
    draft = town.miner("ewma").ask(lambda store: store.draft(round_id))

    town.programs["ewma"].end(signal.SIGKILL)
    town.start_miner("ewma").ready()

    mine = revealed(town, round_id)[town.hotkey("ewma")]
    assert (VALID, draft.salt, draft.answer) == (mine.status, mine.salt, mine.answer)
    assert held[town.hotkey("ewma")].commitment == commitment(round_id, town.hotkey("ewma"), mine.answer, mine.salt)
    assert draft == town.miner("ewma").ask(lambda store: store.draft(round_id))


def test_a_validator_killed_between_commit_and_reveal_goes_on_with_the_commitments_it_had(found_town):
    town = found_town(scale=SLOW)
    town.start_everybody()
    round_id, held = committed_round(town)

    town.programs["validator"].end(signal.SIGKILL)
    town.start_validator().ready()

    assert held == town.validator.commitments(round_id)
    answers = revealed(town, round_id)
    assert dict.fromkeys(held, VALID) == {hotkey: row.status for hotkey, row in answers.items()}


def test_a_validator_killed_again_and_again_while_it_scores_scores_and_pays_once(found_town):
    town = found_town(scale=FAST)
    town.start_everybody()
    validator = town.validator

    def resolved():
        return {row.round_id for state in ("resolved", "final") for row in validator.rounds(state=state)}

    def new_ones(before):
        return resolved() if len(resolved()) > len(before) else None

    before = resolved()
    for _ in range(3):
        before = town.until(partial(new_ones, before), "rounds resolve")
        town.programs["validator"].end(signal.SIGKILL)
        assert before <= resolved()
        town.start_validator().ready()
    paid_before = len(validator.ask(lambda store: store.epochs(SERIES, "closes.point")))
    town.until(
        lambda: len(validator.ask(lambda store: store.epochs(SERIES, "closes.point"))) > paid_before,
        "an epoch is paid",
        within_s=60,
    )
    assert 0 == town.programs["validator"].end(signal.SIGTERM)

    transactions = validator.transactions()
    assert len({transaction.id for transaction in transactions}) == len(transactions)
    assert 0 == sum(posting.amount_micros for t in transactions for posting in t.postings)
    accrued = [t for t in transactions if t.kind == "accrual"]
    for round_id in before:
        owed = sum(pay.accrued_micros for pay in validator.ask(lambda store, r=round_id: store.pays(r)))
        booked = [t for t in accrued if round_id.hex() in t.id]
        assert ([owed] if owed else []) == [
            sum(p.amount_micros for p in t.postings if p.amount_micros > 0) for t in booked
        ]
        scores = validator.ask(lambda store, r=round_id: store.round_scores(r))
        assert len({score.hotkey for score in scores}) == len(scores)
