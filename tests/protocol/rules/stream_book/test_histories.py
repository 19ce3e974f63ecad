"""Whole histories: points sum to zero, a book is its effects, nothing is settled twice, and a day goes by."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from protocol.errors import Ignored, Rejected
from protocol.rules.ledger import Book
from protocol.rules.ledger import apply_all as book_transactions
from protocol.rules.points import POINTS, points_floors
from protocol.rules.pot import RULES
from protocol.rules.stream_book.effects import Effects
from protocol.rules.stream_book.publishing import Offer
from protocol.rules.stream_book.submitting import Submission
from protocol.rules.stream_names import DELAYS
from protocol.rules.stream_standings import Board
from protocol.units import DAY_MS
from tests.support.stream_play import StreamPlay, about

NAMES = ("a.json", "b.json", "c.json")
TARGETS = (*NAMES, "z1~a~70.json", "z2~a~b~70.json")
PEOPLE = ("ann", "bob", "cid")

names, targets, people, delays = map(st.sampled_from, (NAMES, TARGETS, PEOPLE, DELAYS))
odd = st.sampled_from(["nan", "1e301", "1e300", "-1e300", "[1, 2]", '{"a": 1}', "text"])
numbers = st.integers(-30, 30).map(lambda tenths: str(tenths / 10))
crowds = st.lists(st.sampled_from((*PEOPLE, "easy")), min_size=1, max_size=4)
waits = st.sampled_from([0.5, 1, 60, 70, 310, 3_555, 20_000])


class Histories(RuleBasedStateMachine):
    """People do at random what people do; what is refused leaves no trace, what is taken is written down."""

    def __init__(self) -> None:
        super().__init__()
        self.play = StreamPlay()
        self.keys = dict(zip(PEOPLE, self.play.named(*PEOPLE, letters=13), strict=True))
        self.keys["easy"] = self.play.named("easy", letters=6)[0]
        self.ids: Counter[str] = Counter()
        self.settled: Counter[tuple[str, int, int, int]] = Counter()

    def _try(self, decide) -> None:
        try:
            effects: Effects = decide()
        except (Rejected, Ignored):
            return
        self.play.do(effects)
        self.ids.update(transaction.id for transaction in effects.transactions)
        self.settled.update((one.name, one.incarnation, one.sequence, one.delay) for one in effects.settled)

    @initialize(how=st.lists(st.sampled_from(sorted(RULES)), min_size=3, max_size=3))
    def ann_owns_two_streams_and_bob_one(self, how):
        for number in range(2):
            for name, by, by_rule in zip(NAMES, ("ann", "ann", "bob"), how, strict=True):
                self.play.wait(1)
                self._publish(name, by, str(number), rule=by_rule)
        for by in ("easy", *PEOPLE):
            width = 1e3 if by == "easy" else 1.0
            self._submit(by, [Submission(name, delay, about(0.5, width)) for name in NAMES for delay in DELAYS])
        self.play.wait(3_600)

    def _publish(self, name, by, text, **more):
        play, sequence = self.play, self.play.next_sequence()
        self._try(
            lambda: play.book.publish(name, self.keys[by], sequence=sequence, value=text, now_ms=play.at_ms, **more)
        )

    @rule(name=names, texts=st.lists(numbers, min_size=1, max_size=4), wait=waits, zs=st.booleans())
    def its_owner_publishes(self, name, texts, wait, zs):
        """Or ann, where the name is free."""
        owners = {stream.name: stream.owner for stream in self.play.book.streams(now_ms=self.play.at_ms)}
        by = next((who for who in PEOPLE if self.keys[who] == owners.get(name)), "ann")
        for text in texts:
            self.play.wait(min(wait, 4_000))
            self._publish(name, by, text, with_percentiles=zs)
        self.play.wait(wait)

    @rule(name=names, by=people, text=odd | numbers)
    def anybody_publishes_anything(self, name, by, text):
        self._publish(name, by, text)

    @rule(text=numbers)
    def ann_publishes_a_set(self, text):
        self.play.wait(1)
        offers = [Offer(name, text) for name in NAMES[:2]]
        sequence = self.play.next_sequence()
        self._try(
            lambda: self.play.book.publish_set(offers, self.keys["ann"], sequence=sequence, now_ms=self.play.at_ms)
        )

    @rule(who=crowds, name=targets, centre=st.integers(-3, 3))
    def submit(self, who, name, centre):
        for place, by in enumerate(who):
            rows = [Submission(name, delay, about(centre, 0.5 * place, seed=centre + 3)) for delay in DELAYS]
            self._submit(by, rows)

    def _submit(self, by, batch):
        sequence = self.play.next_sequence()
        self._try(lambda: self.play.book.submit(batch, self.keys[by], sequence=sequence, now_ms=self.play.at_ms))

    @rule(seconds=st.sampled_from([100_000, 500_000, 4_000_000]))
    def nothing_happens_for_days(self, seconds):
        self.play.wait(seconds)

    @rule(by=people, name=targets, delay=delays)
    def cancels(self, by, name, delay):
        sequence = self.play.next_sequence()
        self._try(lambda: self.play.book.cancel(name, delay, self.keys[by], sequence=sequence, now_ms=self.play.at_ms))

    @rule(by=people, name=names, what=st.sampled_from(["touch", "delete"]))
    def touches_or_deletes(self, by, name, what):
        self._try(lambda: getattr(self.play.book, what)(name, self.keys[by], now_ms=self.play.at_ms))

    @rule(by=people, name=names, other=targets, what=st.sampled_from(["subscribe", "unsubscribe"]))
    def subscribes(self, by, name, other, what):
        self._try(lambda: getattr(self.play.book, what)(name, other, self.keys[by], now_ms=self.play.at_ms))

    @rule(by=people, name=names, other=targets, what=st.sampled_from(["link", "unlink"]))
    def links(self, by, name, other, what):
        self._try(lambda: getattr(self.play.book, what)(name, 70, other, self.keys[by], now_ms=self.play.at_ms))

    @rule(giver=people, taker=people)
    def gives(self, giver, taker):
        request = str(self.play.next_sequence())
        self._try(
            lambda: self.play.book.transfer(self.keys[giver], self.keys[taker], request=request, now_ms=self.play.at_ms)
        )

    @rule()
    def the_last_effects_come_again(self):
        last = self.play.history[-1]
        if last.request is not None:
            self.play.book.apply(last)

    @invariant()
    def points_sum_to_zero(self):
        assert 0 == sum(self.play.book.tallies.balances.values())

    @invariant()
    def nothing_is_booked_or_settled_twice(self):
        assert {1} >= set(self.ids.values())
        assert {1} >= set(self.settled.values())

    def teardown(self):
        play = self.play
        assert play.book == play.replayed()
        transactions = [transaction for effects in play.history for transaction in effects.transactions]
        floors = {account: floor for one in transactions for account, floor in points_floors(one).items()}
        booked = book_transactions(Book(), transactions, floors=floors)
        by_account = {account: amount for (account, _), amount in booked.balances.items()}
        assert {k: v for k, v in by_account.items() if v} == {k: v for k, v in play.book.tallies.balances.items() if v}
        assert {POINTS} >= {unit for _, unit in booked.balances}


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)


def test_a_day_of_twenty_streams_and_ten_owners_pays_who_knows_more():
    """Each stream takes a value every half hour; half of the owners know its scale, half think it twice as wide."""
    rng, play = np.random.default_rng(7), StreamPlay()
    names = [f"s{number}.json" for number in range(20)]
    owner, *crawlers = play.named("owner", *(f"crawler {number}" for number in range(10)), letters=13)
    values = np.zeros(20)
    for _ in range(2):
        for place, name in enumerate(names):
            values[place] = rng.standard_normal()
            play.value(name, owner, float(values[place]))
        play.wait(1_800)
    for place, crawler in enumerate(crawlers):
        width = 1.0 if place < 5 else 3.0
        for name in names:
            rows = [Submission(name, delay, width * rng.standard_normal(225)) for delay in DELAYS]
            play.submit_all(crawler, rows)
    while play.at_ms - play.history[0].at_ms < DAY_MS:
        play.wait(1_800)
        for name in names:
            play.value(name, owner, float(rng.standard_normal()))
    board = dict(play.book.tallies.leaderboard(Board(), play.at_ms))
    right = [board[crawler.hex()] for crawler in crawlers[:5]]
    wide = [board[crawler.hex()] for crawler in crawlers[5:]]
    assert min(right) > max(wide)
    assert 0 == sum(board.values())
    assert 0 == sum(play.book.tallies.balances.values())
    settled = sum(len(effects.settled) for effects in play.history)
    assert settled >= 20 * 4 * 45
