"""A value does everything at once, once for ever: charge, pots, percentiles, derived streams, benchmark."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from protocol.errors import InvalidRequest, NodeFault, NotFound, RateLimited, Replayed
from protocol.rules.points import POINTS_CREATION, settlement_transaction
from protocol.rules.pot import settle
from protocol.rules.stream_book.effects import Speaker
from protocol.rules.stream_book.publishing import Offer
from protocol.rules.stream_book.submitting import Submission
from protocol.rules.stream_names import DELAYS
from protocol.rules.stream_standings import Board
from protocol.units import MICRO
from tests.support.stream_play import StreamPlay, about, key

NAME = "cop.json"


def started(*crawlers: str, letters: int = 13):
    play = StreamPlay()
    owner, *others = play.named("owner", *crawlers, letters=letters)
    play.value(NAME, owner, 1.0)
    play.wait(60)
    play.value(NAME, owner, 2.5)
    return play, owner, others


def test_a_first_value_creates_the_stream_for_five_hundred_budgets():
    play = StreamPlay()
    (owner,) = play.named("owner")
    effects = play.value(NAME, owner, 1.0, budget_micros=MICRO // 2)
    assert [250 * MICRO] == [
        posting.amount_micros
        for transaction in effects.transactions
        for posting in transaction.postings
        if posting.account == POINTS_CREATION
    ]
    assert -250 * MICRO == play.book.tallies.balance(owner.hex())
    assert [NAME] == [stream.name for stream in play.book.streams(now_ms=play.at_ms)]


def test_a_benchmark_of_the_owner_stands_at_every_horizon_from_the_first_value_on():
    play = StreamPlay()
    (owner,) = play.named("owner")
    said = play.value(NAME, owner, 1.0).said
    assert list(DELAYS) == [one.delay for one in said]
    assert {(owner.hex(), Speaker.BENCHMARK)} == {(one.word.owner, one.speaker) for one in said}


def test_a_value_is_settled_as_the_rule_settles_it_by_who_left_quarantine():
    play, owner, (ann, bob) = started("ann", "bob")
    standing = play.book.standing(NAME, 70, now_ms=play.at_ms)
    rows = {ann: about(2.0), bob: about(3.0)}
    for crawler, row in rows.items():
        play.submit(crawler, NAME, 70, row)
    play.wait(70)
    (settled,) = [one for one in play.value(NAME, owner, 2.1).settled if one.delay == 70]
    owners = [owner.hex(), ann.hex(), bob.hex()]
    expected = settle(owners, [standing[0].row(), *(sorted(row) for row in rows.values())], 2.1, spread=1.5)
    assert expected == settled.settlement
    assert 0 == sum(settled.settlement.amounts_micros)


def test_a_submission_is_not_judged_a_millisecond_before_its_delay():
    for wait_s, judged in ((69.999, False), (70, True)):
        play, owner, (ann,) = started("ann")
        play.submit(ann, NAME, 70, about(2.0))
        play.wait(wait_s)
        (settled,) = [one for one in play.value(NAME, owner, 2.1).settled if one.delay == 70]
        assert judged == (ann.hex() in settled.settlement.owners)


def test_a_retry_gets_the_same_effects_and_they_change_nothing_again():
    play, owner, (ann,) = started("ann")
    play.submit(ann, NAME, 70, about(2.0))
    play.wait(80)
    effects = play.value(NAME, owner, 2.1)
    balance = play.book.tallies.balance(ann.hex())
    again = play.book.publish(NAME, owner, sequence=play.sequence, value="2.1", now_ms=play.wait(1))
    assert effects == again
    play.book.apply(again)
    assert balance == play.book.tallies.balance(ann.hex())
    with pytest.raises(Replayed):
        play.book.publish(NAME, owner, sequence=play.sequence, value="2.2", now_ms=play.at_ms)


def test_a_refused_value_leaves_no_trace():
    play, owner, _ = started()
    before = play.replayed()
    for text in ("nan", "inf", "-Infinity", "1e301", "[1, NaN]"):
        with pytest.raises(InvalidRequest):
            play.book.publish(NAME, owner, sequence=99, value=text, now_ms=play.at_ms + 5_000)
    with pytest.raises(RateLimited):
        play.book.publish(NAME, owner, sequence=99, value="1", now_ms=play.at_ms + 999)
    with pytest.raises(InvalidRequest):
        play.book.publish(NAME, key("thief"), sequence=99, value="1", now_ms=play.at_ms + 5_000)
    with pytest.raises(InvalidRequest):
        play.book.publish("z1~cop~70.json", owner, sequence=99, value="1", now_ms=play.at_ms + 5_000)
    assert before == play.book


def test_a_clock_that_goes_back_is_our_own_fault():
    play, owner, _ = started()
    with pytest.raises(NodeFault):
        play.book.publish(NAME, owner, sequence=99, value="1", now_ms=play.at_ms - 1)


def test_an_easy_key_publishes_nothing_and_copulas_take_one_letter_more():
    play = StreamPlay()
    (owner,) = play.named("owner", letters=11)
    with pytest.raises(InvalidRequest):
        play.book.publish(NAME, owner, sequence=1, value="1", now_ms=play.at_ms)
    play.do(play.book.recognise(owner, 12, now_ms=play.at_ms))
    play.value(NAME, owner, 1)
    with pytest.raises(InvalidRequest):
        play.book.publish_set([Offer("a.json", "1")], owner, sequence=99, now_ms=play.at_ms)


def test_a_bankrupt_key_creates_no_more_streams_but_keeps_those_it_has():
    play = StreamPlay()
    (owner,) = play.named("owner", letters=12)
    for number in range(9):
        play.value(f"s{number}.json", owner, 1)
    with pytest.raises(InvalidRequest):
        play.value("s9.json", owner, 1)
    play.wait(5)
    assert play.value("s0.json", owner, 2).taken


def test_derived_streams_hold_the_percentiles_and_settle_like_any_other():
    play, owner, (ann,) = started("ann")
    play.submit_all(ann, [Submission(NAME, delay, about(2.0)) for delay in DELAYS])
    play.wait(3_600)
    effects = play.value(NAME, owner, 2.1, with_percentiles=True)
    taken = {one.stream.name: one for one in effects.taken}
    assert {NAME, "z1~cop~70.json", "z1~cop~3555.json"} == set(taken)
    fell = dict(taken[NAME].percentiles)
    assert list(DELAYS) == list(fell)
    assert (0.5 < fell[70]) == (float(taken["z1~cop~70.json"].value.text) > 0)
    play.submit(ann, "z1~cop~70.json", 70, about(0.0))
    play.wait(70)
    again = play.value(NAME, owner, 2.2, with_percentiles=True)
    assert {"z1~cop~70.json", "z1~cop~3555.json", NAME} == {one.name for one in again.settled}
    assert not any(one.percentiles for one in again.taken if one.stream.name != NAME)


def test_a_set_with_copulas_makes_pairs_and_triples():
    play = StreamPlay()
    (owner,) = play.named("owner")
    for number in range(3):
        offers = [Offer(f"{name}.json", str(number)) for name in ("a", "b", "c")]
        effects = play.do(play.book.publish_set(offers, owner, sequence=1 + number, now_ms=play.at_ms))
        play.wait(3_600)
    derived = sorted(one.stream.name for one in effects.taken if "~" in one.stream.name)
    assert 14 == len(derived)
    assert "z3~a~b~c~3555.json" in derived
    assert play.book == play.replayed()


def test_the_stakes_are_those_before_the_value():
    play, owner, (ann,) = started("ann")
    play.submit(ann, NAME, 70, about(2.0))
    play.wait(70)
    (settled,) = [one for one in play.value(NAME, owner, 2.0, budget_micros=9 * MICRO).settled if one.delay == 70]
    assert MICRO == settled.settlement.budget_micros


def test_the_rule_is_chosen_at_creation_and_never_again():
    play = StreamPlay()
    owner, ann = play.named("owner", "ann")
    play.value(NAME, owner, 1.0, rule="logpool")
    play.wait(60)
    play.value(NAME, owner, 2.0)
    play.submit(ann, NAME, 70, about(2.0))
    play.wait(70)
    assert {"logpool"} == {one.settlement.rule for one in play.value(NAME, owner, 2.0).settled}
    with pytest.raises(InvalidRequest):
        play.book.publish(NAME, owner, sequence=99, value="1", rule="micro", now_ms=play.wait(5))


def test_who_is_bankrupt_and_lost_there_is_withdrawn_and_may_not_come_back():
    play, owner, (bad, good) = started("bad", "good", letters=12)
    (easy,) = play.named("easy", letters=9)
    assert bad != easy
    play.submit(easy, NAME, 70, [1e6] * 225)
    play.submit(good, NAME, 70, about(2.0, 0.1))
    play.wait(70)
    withdrawn = []
    for _ in range(3):
        withdrawn += [one for one in play.value(NAME, owner, 2.0).said if one.speaker is Speaker.VALIDATOR]
        play.wait(20)
    assert [(easy.hex(), 70, True)] == [(one.word.owner, one.delay, one.word.cancels) for one in withdrawn]
    assert "invalid-request" == play.submit(easy, NAME, 70, about(2.0)).refused[0].code
    play.wait(70)
    assert all(easy.hex() not in one.settlement.owners for one in play.value(NAME, owner, 2.0).settled)


def test_values_of_no_number_are_kept_and_settle_nothing():
    play, owner, _ = started()
    play.wait(100)
    assert () == play.value(NAME, owner, "[1, 2]").settled
    assert (1.0, 2.0) == play.book.lags(NAME, now_ms=play.at_ms)[0].value
    play.wait(5)
    assert () == play.value(NAME, owner, '{"rain": 3}').settled
    assert '{"rain": 3}' == play.book.value(NAME, now_ms=play.at_ms)


def test_a_publisher_that_jumps_as_far_as_numbers_go_settles_and_goes_on():
    play, owner, (ann,) = started("ann")
    play.submit_all(ann, [Submission(NAME, delay, [1e300, -1e300] * 112 + [0]) for delay in DELAYS])
    for value in (1e300, -1e300, 5e-324, 1e300, -1e300, 0):
        play.wait(3_600)
        effects = play.value(NAME, owner, value, with_percentiles=True)
        assert effects.settled
        assert all(math.isfinite(one.value.numbers[0]) for one in effects.taken)
    assert play.book == play.replayed()


def test_a_deleted_stream_takes_its_derived_ones_along_and_begins_anew_under_another():
    play, owner, (ann,) = started("ann")
    play.submit(ann, NAME, 70, about(2.0))
    play.wait(100)
    play.value(NAME, owner, 2.0, with_percentiles=True)
    play.do(play.book.delete(NAME, owner, now_ms=play.wait(5)))
    assert [] == play.book.streams(now_ms=play.at_ms)
    with pytest.raises(NotFound):
        play.book.lags(NAME, now_ms=play.at_ms)
    play.wait(5)
    effects = play.value(NAME, ann, 7.0)
    assert (2, ()) == (effects.taken[0].stream.incarnation, effects.settled)
    assert [7.0] == [lag.value for lag in play.book.lags(NAME, now_ms=play.at_ms)]
    assert play.book == play.replayed()


def test_a_name_that_is_free_by_time_begins_anew_without_what_stood():
    play, _, (ann,) = started("ann")
    play.wait(60 * 86_400)
    effects = play.value(NAME, ann, 7.0, with_percentiles=True)
    assert (2, ()) == (effects.taken[0].stream.incarnation, effects.settled)
    assert ann == effects.taken[0].stream.owner


def test_boards_performance_and_volumes_follow_every_settlement():
    play, owner, (ann,) = started("ann")
    play.submit(ann, NAME, 70, about(2.0))
    play.wait(70)
    (settled,) = [one for one in play.value(NAME, owner, 2.0).settled if one.delay == 70]
    amounts = dict(zip(settled.settlement.owners, settled.settlement.amounts_micros, strict=True))
    for board in (Board(), Board(NAME), Board(delay=70), Board(NAME, 70)):
        assert amounts == dict(play.book.tallies.leaderboard(board, play.at_ms))
    assert [("70::cop.json", amounts[ann.hex()])] == play.book.tallies.performance(ann.hex())
    assert sum(map(abs, amounts.values())) == play.book.tallies.volumes["70::cop.json"]


def test_a_settlement_is_booked_under_the_publishers_number():
    play, owner, (ann,) = started("ann")
    play.submit(ann, NAME, 70, about(2.0))
    play.wait(70)
    effects = play.value(NAME, owner, 2.0)
    (settled,) = [one for one in effects.settled if one.delay == 70]
    booked = settlement_transaction(
        settled.settlement,
        publisher=owner.hex(),
        stream=NAME,
        delay=70,
        sequence=settled.sequence,
        at_ms=play.at_ms,
    )
    assert booked in effects.transactions


def test_a_percentile_of_the_reply_is_the_rank_in_the_whole_pool():
    play, owner, _ = started()
    play.wait(70)
    (row,) = [one.row() for one in play.book.standing(NAME, 70, now_ms=play.at_ms)]
    effects = play.value(NAME, owner, 1e9)
    assert Fraction(2 * row.size + 1, 2 * (row.size + 1)) == dict(effects.taken[0].percentiles)[70]


def test_the_owners_own_word_stands_until_the_owner_takes_it_back():
    play, owner, _ = started()
    play.submit(owner, NAME, 3555, about(2.0))
    own = play.book.standing(NAME, 3555, now_ms=play.at_ms)
    for _ in range(100):
        play.wait(30)
        play.value(NAME, owner, 2.0)
    assert own == play.book.standing(NAME, 3555, now_ms=play.at_ms)
    play.do(play.book.cancel(NAME, 3555, owner, sequence=play.next_sequence(), now_ms=play.wait(30)))
    play.wait(30)
    assert (3555, Speaker.BENCHMARK) in [(one.delay, one.speaker) for one in play.value(NAME, owner, 2.0).said]


def test_a_word_and_a_value_of_one_instant_may_come_in_any_order():
    books = []
    for submits_first in (True, False):
        play, owner, (ann,) = started("ann")
        play.wait(10 * 86_400)
        if submits_first:
            play.do(play.book.submit([Submission(NAME, 70, about(2.0))], ann, sequence=7, now_ms=play.at_ms))
        play.do(play.book.publish(NAME, owner, sequence=8, value="3", now_ms=play.at_ms))
        if not submits_first:
            play.do(play.book.submit([Submission(NAME, 70, about(2.0))], ann, sequence=7, now_ms=play.at_ms))
        books.append(play.book)
    assert books[0] == books[1]


def test_what_a_value_creates_counts_towards_its_owners_bankruptcy():
    play = StreamPlay()
    owner, ann = play.named("owner", "ann", letters=12)
    for number in range(8):
        play.value(f"s{number}.json", owner, 1.0)
    play.value("last.json", owner, 1.0, budget_micros=MICRO // 10)
    play.wait(5)
    play.value("s0.json", owner, 2.0)
    play.submit(owner, "s0.json", 70, [1e6] * 225)
    play.submit(ann, "s0.json", 70, about(2.0, 0.1))
    play.wait(70)
    assert () == tuple(one for one in play.value("s0.json", owner, 2.0).said if one.speaker is Speaker.VALIDATOR)
    play.wait(5)
    effects = play.value("s0.json", owner, 2.0, with_percentiles=True)
    assert [owner.hex()] == [one.word.owner for one in effects.said if one.speaker is Speaker.VALIDATOR]


def test_one_pot_in_twenty_that_nobody_won_is_carried_over_by_the_rule_of_2021():
    play = StreamPlay()
    owner, ann = play.named("owner", "ann")
    play.value(NAME, owner, 1.0, rule="micro2021")
    play.wait(5)
    play.submit(ann, NAME, 70, about(1.0))
    reserves = []
    for _ in range(100):
        play.wait(100)
        effects = play.value(NAME, owner, 1e6)
        reserves += [one.settlement.reserve_micros for one in effects.settled if one.delay == 70]
    assert 1 <= sum(reserve != 0 for reserve in reserves) <= 15
