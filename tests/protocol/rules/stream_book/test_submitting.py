"""Words, touches, edges and transfers: taken or refused one by one, in whatever order of an instant they come."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from protocol.errors import InvalidRequest, NotFound
from protocol.rules.points import POINTS, POINTS_LOST
from protocol.rules.stream_book.horizon import MAX_WAITING
from protocol.rules.stream_book.submitting import MAX_BATCH, MAX_ERRORS, Submission
from protocol.rules.stream_edges import MAX_SUBSCRIBERS_OF_OWNER, Link, Subscription
from protocol.rules.stream_names import DELAYS
from protocol.rules.stream_records import NoticeKind
from protocol.units import MICRO
from tests.support.stream_play import StreamPlay, about

NAME, OTHER = "cop.json", "rain.json"


def started(*crawlers: str, letters: int = 13):
    play = StreamPlay()
    owner, *others = play.named("owner", *crawlers, letters=letters)
    for value in (1.0, 2.0):
        for name in (NAME, OTHER):
            play.value(name, owner, value)
        play.wait(60)
    return play, owner, others


def codes(effects):
    return [one.code for one in effects.refused]


def test_a_batch_takes_what_it_can_and_says_what_it_cannot_and_why():
    play, _, (ann,) = started("ann")
    good = about(2.0)
    bad = [
        Submission("nothing.json", 70, good),
        Submission(NAME, 71, good),
        Submission(NAME, 310, good[:224]),
        Submission(NAME, 910, [float("nan"), *good[1:]]),
        Submission(NAME, 3555, [float("inf"), *good[1:]]),
    ]
    effects = play.submit_all(ann, [Submission(NAME, 70, good), *bad])
    assert ["not-found", "invalid-request", "invalid-answer", "invalid-answer", "invalid-answer"] == codes(effects)
    assert [(NAME, 70)] == [(one.name, one.delay) for one in effects.said]
    kinds = [notice.kind for owner, notice in effects.notices if owner == ann.hex()]
    assert [NoticeKind.CONFIRM, *[NoticeKind.ERROR] * 5] == kinds


def test_a_batch_sent_again_gets_the_same_effects_and_an_earlier_one_is_ignored():
    play, _, (ann,) = started("ann")
    first = play.submit(ann, NAME, 70, about(2.0))
    again = play.book.submit([Submission(NAME, 70, about(2.0))], ann, sequence=play.sequence, now_ms=play.wait(10))
    assert first == again
    late = play.book.submit([Submission(NAME, 70, about(9.0))], ann, sequence=play.sequence - 1, now_ms=play.at_ms)
    assert ["replayed"] == codes(late)


def test_a_batch_names_each_horizon_once_and_at_most_a_thousand():
    play, _, (ann,) = started("ann")
    one = Submission(NAME, 70, about(2.0))
    for batch in ([], [one, one], [Submission(f"{k}.json", 70, about(2.0)) for k in range(MAX_BATCH + 1)]):
        with pytest.raises(InvalidRequest):
            play.book.submit(batch, ann, sequence=99, now_ms=play.at_ms)


@pytest.mark.parametrize("values", [about(2.0), None], ids=["scenarios", "a withdrawal"])
def test_a_key_without_a_name_predicts_nothing_and_leaves_nothing(values):
    play, *_ = started()
    (easy,) = play.named("easy", letters=5)
    with pytest.raises(InvalidRequest, match="6 letters"):
        play.submit(easy, NAME, 70, values)


def test_a_batch_that_is_refused_fills_nobodys_log():
    play, _, (ann,) = started("ann")
    effects = play.submit_all(ann, [Submission(f"s{number}.json", 70, None) for number in range(MAX_BATCH)])
    assert MAX_BATCH == len(effects.refused)
    assert MAX_ERRORS + 1 == len(effects.notices)
    assert (("error", f"{MAX_BATCH - MAX_ERRORS} more of this batch were refused"),) == effects.notices[-1][1].fields


def test_a_flood_of_one_owner_is_refused_and_nobody_else_feels_it():
    play, _, (ann, bob) = started("ann", "bob")
    flood = [codes(play.submit(ann, NAME, 3555, about(2.0))) for _ in range(MAX_WAITING + 10)]
    assert [[]] * MAX_WAITING + [["rate-limited"]] * 10 == flood
    assert [] == codes(play.submit(bob, NAME, 3555, about(2.0)))


def test_the_order_of_owners_within_an_instant_changes_nothing():
    books = []
    for order in permutations(range(3)):
        play, owner, crawlers = started("ann", "bob", "cid")
        before = play.sequence
        for place in order:
            play.do(
                play.book.submit(
                    [Submission(NAME, 70, about(float(place), seed=place))],
                    crawlers[place],
                    sequence=before + 1 + place,
                    now_ms=play.at_ms,
                )
            )
        play.sequence += 3
        play.wait(70)
        play.value(NAME, owner, 2.1, with_percentiles=True)
        books.append(play.book)
    assert [books[0]] * 5 == books[1:]


def test_a_cancellation_at_the_last_moment_does_not_escape_the_value():
    play, owner, (ann,) = started("ann")
    play.submit(ann, NAME, 70, [1e6] * 225)
    play.wait(69.9)
    play.do(play.book.cancel(NAME, 70, ann, sequence=play.next_sequence(), now_ms=play.at_ms))
    assert ann.hex() not in [one.word.owner for one in play.book.standing(NAME, 70, now_ms=play.at_ms)]
    play.wait(0.1)
    (settled,) = [one for one in play.value(NAME, owner, 2.0).settled if one.delay == 70]
    lost = dict(zip(settled.settlement.owners, settled.settlement.amounts_micros, strict=True))
    assert -MICRO == lost[ann.hex()]
    play.wait(70)
    assert all(ann.hex() not in one.settlement.owners for one in play.value(NAME, owner, 2.0).settled)
    again = play.book.cancel(NAME, 70, ann, sequence=play.next_sequence(), now_ms=play.at_ms)
    assert ["invalid-request"] == codes(again)


def test_equal_numbers_and_copies_are_taken_and_copies_are_paid_alike():
    play, owner, crawlers = started("ann", "bob", "cid", "dan")
    for crawler in crawlers[:3]:
        play.submit(crawler, NAME, 70, about(2.0))
    play.submit(crawlers[3], NAME, 70, [2.0] * 225)
    play.wait(70)
    (settled,) = [one for one in play.value(NAME, owner, 2.0).settled if one.delay == 70]
    paid = dict(zip(settled.settlement.owners, settled.settlement.amounts_micros, strict=True))
    copies = [paid[crawler.hex()] for crawler in crawlers[:3]]
    assert max(copies) - min(copies) <= 1
    assert paid[crawlers[3].hex()] > 0
    assert 0 == sum(paid.values())


def test_a_touch_extends_the_stream_and_what_was_derived_from_it():
    play, owner, _ = started()
    play.wait(3_600)
    play.value(NAME, owner, 2.0, with_percentiles=True)
    play.wait(95 * 3_600)
    effects = play.do(play.book.touch(NAME, owner, now_ms=play.at_ms))
    assert [NAME, "z1~cop~3555.json", "z1~cop~70.json"] == [stream.name for stream in effects.streams]
    play.wait(100 * 3_600)
    assert [NAME, "z1~cop~3555.json", "z1~cop~70.json"] == [s.name for s in play.book.streams(now_ms=play.at_ms)]


def test_links_and_subscriptions_join_streams_and_carry_values():
    play, owner, (ann,) = started("ann")
    play.do(play.book.link(NAME, 70, OTHER, owner, now_ms=play.at_ms))
    play.do(play.book.subscribe(NAME, OTHER, owner, now_ms=play.at_ms))
    with pytest.raises(InvalidRequest):
        play.book.link(NAME, 70, OTHER, ann, now_ms=play.at_ms)
    assert {OTHER: 1.0} == play.book.links(NAME, 70)
    assert [NAME] == [link.name for link in play.book.backlinks(OTHER)]
    play.value(OTHER, owner, 9.5)
    assert {OTHER: "9.5"} == play.book.mailbox(NAME, owner, now_ms=play.at_ms)
    with pytest.raises(InvalidRequest):
        play.book.mailbox(NAME, ann, now_ms=play.at_ms)
    play.do(play.book.unlink(NAME, 70, OTHER, owner, now_ms=play.at_ms))
    play.do(play.book.unsubscribe(NAME, OTHER, owner, now_ms=play.at_ms))
    assert ({}, []) == (play.book.links(NAME, 70), play.book.sources(NAME))
    assert play.book == play.replayed()


def test_the_owner_of_a_links_target_may_take_it_back():
    play, owner, (ann,) = started("ann")
    play.value("anns.json", ann, 1.0)
    play.do(play.book.link(NAME, 70, "anns.json", owner, now_ms=play.at_ms))
    play.do(play.book.unlink(NAME, 70, "anns.json", ann, now_ms=play.at_ms))
    assert {} == play.book.links(NAME, 70)


def test_a_deleted_stream_takes_its_edges_along():
    play, owner, _ = started()
    play.do(play.book.link(NAME, 70, OTHER, owner, now_ms=play.at_ms))
    play.do(play.book.link(OTHER, 70, NAME, owner, now_ms=play.at_ms))
    play.do(play.book.subscribe(OTHER, NAME, owner, now_ms=play.at_ms))
    effects = play.do(play.book.delete(NAME, owner, now_ms=play.at_ms))
    links = [Link(NAME, 70, OTHER), Link(OTHER, 70, NAME)]
    assert [*links, Subscription(OTHER, NAME)] == [change.edge for change in effects.edges]
    assert ({}, [], []) == (play.book.links(OTHER, 70), play.book.backlinks(OTHER), play.book.sources(OTHER))


def test_a_transfer_gives_a_key_in_debt_nine_tenths_and_happens_once():
    play, _, _ = started()
    giver, taker = play.named("giver", "taker", letters=12)
    play.value("debt.json", taker, 1)
    effects = play.do(play.book.transfer(giver, taker, request="ab", now_ms=play.at_ms, amount_micros=100 * MICRO))
    play.book.apply(effects)
    assert effects == play.book.transfer(giver, taker, request="ab", now_ms=play.at_ms, amount_micros=1)
    tallies = play.book.tallies
    assert (-100 * MICRO, -410 * MICRO) == (tallies.balance(giver.hex()), tallies.balance(taker.hex()))
    assert 10 * MICRO == tallies.balances[POINTS_LOST]
    assert {POINTS} == {posting.unit for transaction in effects.transactions for posting in transaction.postings}


def test_readers_get_lags_delayed_values_and_distributions():
    play, owner, (ann,) = started("ann")
    rows = np.sort(about(2.0))
    play.submit(ann, NAME, 70, rows)
    assert [2.0, 1.0] == [lag.value for lag in play.book.lags(NAME, now_ms=play.at_ms)]
    assert 1.0 == play.book.delayed_value(NAME, 70, now_ms=play.at_ms).value
    with pytest.raises(NotFound):
        play.book.delayed_value(NAME, 910, now_ms=play.at_ms)
    everybody = np.concatenate([one.row() for one in play.book.standing(NAME, 70, now_ms=play.at_ms)])
    cdf = play.book.cdf(NAME, 70, [1.5], now_ms=play.at_ms)
    assert (np.mean(everybody <= 1.5),) == cdf.y
    assert play.book.cdf(NAME, 70, now_ms=play.at_ms).x
    with pytest.raises(InvalidRequest):
        play.book.cdf(NAME, 71, now_ms=play.at_ms)
    assert owner.hex() in [one.word.owner for one in play.book.standing(NAME, DELAYS[-1], now_ms=play.at_ms)]


def test_one_owner_cannot_have_a_value_copied_into_mailboxes_without_end():
    play, owner, (ann,) = started("ann")
    for number in range(MAX_SUBSCRIBERS_OF_OWNER + 1):
        play.value(f"a{number}.json", ann, 1.0)
    for number in (*range(MAX_SUBSCRIBERS_OF_OWNER), 0):
        play.do(play.book.subscribe(f"a{number}.json", NAME, ann, now_ms=play.at_ms))
    with pytest.raises(InvalidRequest, match="of one owner"):
        play.book.subscribe(f"a{MAX_SUBSCRIBERS_OF_OWNER}.json", NAME, ann, now_ms=play.at_ms)
    play.do(play.book.subscribe(OTHER, NAME, owner, now_ms=play.at_ms))
    assert MAX_SUBSCRIBERS_OF_OWNER + 1 == len(play.value(NAME, owner, 3.0).messages)


def test_links_into_a_stream_are_found_without_looking_at_every_other():
    play, owner, _ = started()
    play.do(play.book.link(NAME, 70, OTHER, owner, now_ms=play.at_ms))
    assert {OTHER: {Link(NAME, 70, OTHER)}} == play.book.state.linked
    play.do(play.book.unlink(NAME, 70, OTHER, owner, now_ms=play.at_ms))
    assert {} == play.book.state.linked
