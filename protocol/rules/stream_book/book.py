"""The stream book: everything that one validator remembers of open streams, and every action on it.

    effects = book.publish(...)      decides: nothing has changed yet, and a refusal leaves no trace
    (store the effects)
    book.apply(effects)              the only way in which a book changes
    (push and reply)

Between deciding and applying no other action may be decided. The same effects applied in the same order to an empty
book make the same book; a node that starts takes the tables back at once (`StreamBook.of`). No clock and no chance in
here: instants come as `now_ms`, and what a value leaves to chance follows from its publisher's signed sequence number.
Owners are the first keys of their lines (`succession.origin`), signatures have been checked before.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from protocol.errors import NotFound
from protocol.params import StreamLimits
from protocol.rules.cdf_points import points_from_lags
from protocol.rules.cdfs import Cdf, empirical_cdf
from protocol.rules.quarantine import LIFE_MS
from protocol.rules.stream_book.effects import Effects, Said
from protocol.rules.stream_book.publishing import Offer, decide_publication
from protocol.rules.stream_book.state import BookState, StreamRecord
from protocol.rules.stream_book.submitting import (
    Submission,
    decide_deletion,
    decide_link,
    decide_submission,
    decide_subscription,
    decide_touch,
    decide_transfer,
)
from protocol.rules.stream_book.tallies import Tallies
from protocol.rules.stream_edges import Link, backlinks_of, links_of, sources_of
from protocol.rules.stream_names import check_delay
from protocol.rules.stream_values import LAGS_KEPT, Lag, delayed_value, lagged
from protocol.rules.streams import (
    DEFAULT_BUDGET_MICROS,
    NETWORK_LIMITS,
    Action,
    Stream,
    StreamState,
    permitted,
    state_of,
)
from protocol.units import Hotkey, Micros, UnixMs


class StreamBook:
    """The streams of one validator. Two books are equal when every later action would decide alike on both.

    Every action raises NodeFault (ours) for an instant before the newest applied one.
    """

    def __init__(self, limits: StreamLimits = NETWORK_LIMITS, *, life_ms: int = LIFE_MS) -> None:
        self._state = BookState(limits, life_ms)

    @classmethod
    def of(cls, state: BookState) -> StreamBook:
        """The book of a state that was taken back from stored tables; the state is the book's from then on.

        Words are given to their `Horizon.take` in the order of their receipt.
        """
        book = cls(state.limits, life_ms=state.life_ms)
        book._state = state
        return book

    def __eq__(self, other: object) -> bool:
        return self._state == other._state if isinstance(other, StreamBook) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def apply(self, effects: Effects) -> None:
        """Makes what was decided, or what was stored, so. What is applied already, by its request, changes nothing.

        Raises NodeFault (ours) for effects that are older than what was applied before.
        """
        self._state.apply(effects)

    # What people do

    def recognise(self, owner: Hotkey, letters: int, *, now_ms: UnixMs) -> Effects:
        """A key's name, as many letters long (`memorable.difficulty` has checked it); a shorter one changes nothing."""
        self._state.check_time(now_ms)
        known = self._state.letters.get(owner.hex(), 0)
        return Effects(now_ms, letters=((owner.hex(), letters),) if letters > known else ())

    def publish(
        self,
        name: str,
        owner: Hotkey,
        *,
        sequence: int,
        value: str,
        now_ms: UnixMs,
        budget_micros: Micros = DEFAULT_BUDGET_MICROS,
        rule: str | None = None,
        with_percentiles: bool = False,
    ) -> Effects:
        """A stream's next value, and everything that follows from it at once; see `publish_set`."""
        offers = [Offer(name, value, budget_micros, rule)]
        return self.publish_set(
            offers, owner, sequence=sequence, now_ms=now_ms, with_percentiles=with_percentiles, with_copulas=False
        )

    def publish_set(
        self,
        offers: Sequence[Offer],
        owner: Hotkey,
        *,
        sequence: int,
        now_ms: UnixMs,
        with_percentiles: bool = True,
        with_copulas: bool = True,
    ) -> Effects:
        """Values of 1 to 200 streams of one owner, all or none; a name that is free is created and charged for.

        sequence: the owner's signed number, rising on each stream; the last one again, with the same values, gets the
        same effects again. Every horizon of every number is settled once, by the scenarios that left quarantine, with
        the budget that stood before the value.
        Raises InvalidRequest (theirs) for a name, value, budget, sequence or rule that cannot be, for too easy a key,
        another's stream and a new stream of a bankrupt key; Replayed for a number that is not above the last;
        RateLimited for a value within a second of the last.
        """
        return decide_publication(
            self._state,
            offers,
            owner=owner,
            sequence=sequence,
            now_ms=now_ms,
            with_percentiles=with_percentiles,
            with_copulas=with_copulas,
        )

    def submit(self, submissions: Sequence[Submission], owner: Hotkey, *, sequence: int, now_ms: UnixMs) -> Effects:
        """A batch of scenarios and withdrawals, 1 to 1,000 horizons, each named once.

        sequence: the owner's signed number, rising at each horizon; the last batch again gets the same effects again.
        What cannot be taken is in `refused`, by itself: an unknown stream or delay, a wrong count or a number that is
        not finite, a bankrupt key, a number not above the last, too many words that wait.
        Raises InvalidRequest (theirs) for an empty or too large batch, a horizon named twice, a sequence out of bounds
        and too easy a key, whose batch leaves nothing behind.
        """
        return decide_submission(self._state, submissions, owner=owner, sequence=sequence, now_ms=now_ms)

    def cancel(self, name: str, delay: int, owner: Hotkey, *, sequence: int, now_ms: UnixMs) -> Effects:
        """A withdrawal from one horizon, which waits out quarantine as a submission does; refused as in `submit`."""
        return self.submit([Submission(name, delay, None)], owner, sequence=sequence, now_ms=now_ms)

    def touch(self, name: str, by: Hotkey, *, now_ms: UnixMs) -> Effects:
        """A longer life for a plain stream and all that was derived from it. Raises as `streams.touch` does."""
        return decide_touch(self._state, name, by=by, now_ms=now_ms)

    def delete(self, name: str, by: Hotkey, *, now_ms: UnixMs) -> Effects:
        """The end of a plain stream and of all that was derived from it. Raises as `streams.delete` does."""
        return decide_deletion(self._state, name, by=by, now_ms=now_ms)

    def link(self, name: str, delay: int, target: str, by: Hotkey, *, now_ms: UnixMs) -> Effects:
        """The owner of `name` states that its delayed values may explain a target. Raises as `add_link` does."""
        return decide_link(self._state, name, delay, target, by=by, now_ms=now_ms, is_there=True)

    def unlink(self, name: str, delay: int, target: str, by: Hotkey, *, now_ms: UnixMs) -> Effects:
        """The owner of either side takes a link back. Raises as `remove_link` does."""
        return decide_link(self._state, name, delay, target, by=by, now_ms=now_ms, is_there=False)

    def subscribe(self, subscriber: str, source: str, by: Hotkey, *, now_ms: UnixMs) -> Effects:
        """Values of the source go into the subscriber's mailbox from now on. Raises as `stream_edges.subscribe`."""
        return decide_subscription(self._state, subscriber, source, by=by, now_ms=now_ms, is_there=True)

    def unsubscribe(self, subscriber: str, source: str, by: Hotkey, *, now_ms: UnixMs) -> Effects:
        """They do not any more; what the mailbox holds stays. Raises as `stream_edges.unsubscribe` does."""
        return decide_subscription(self._state, subscriber, source, by=by, now_ms=now_ms, is_there=False)

    def transfer(
        self,
        source: Hotkey,
        recipient: Hotkey,
        *,
        request: str,
        now_ms: UnixMs,
        amount_micros: Micros | None = None,
    ) -> Effects:
        """A gift of points to a key in debt. request: digest of the signed request, in hex. Raises as `points` does."""
        return decide_transfer(self._state, source, recipient, amount_micros, request=request, now_ms=now_ms)

    # What people read; who may read what is `streams.PERMISSIONS`

    @property
    def newest_ms(self) -> UnixMs:
        """The instant of what was applied last."""
        return self._state.newest_ms

    @property
    def state(self) -> BookState:
        """Everything, as plain tables; to be read only."""
        return self._state

    @property
    def tallies(self) -> Tallies:
        """Balances, boards, performance and volumes; to be read only."""
        return self._state.tallies

    def streams(self, *, now_ms: UnixMs) -> list[Stream]:
        """Every live stream, by name: its owner is its sponsor, its budget what its settlements move."""
        kept = [record.stream for _, record in sorted(self._state.streams.items())]
        return [stream for stream in kept if state_of(stream, now_ms, self._state.limits) is StreamState.LIVE]

    def value(self, name: str, *, now_ms: UnixMs) -> str:
        """The newest value as it was published. Raises NotFound where there is no such stream."""
        return self._record(name, now_ms).value.text

    def lags(self, name: str, count: int = LAGS_KEPT, *, now_ms: UnixMs) -> list[Lag]:
        """The newest lags, newest first, each with its time. Raises NotFound, and InvalidRequest for count < 1."""
        return lagged(list(reversed(self._record(name, now_ms).lags)), count)

    def delayed_value(self, name: str, delay: int, *, now_ms: UnixMs) -> Lag:
        """The newest value at least `delay` seconds old. Raises NotFound while there is none."""
        lags = list(reversed(self._record(name, now_ms).lags))
        return delayed_value(lags, delay, now_ms=now_ms, delays=self._state.limits.delays)

    def standing(self, name: str, delay: int, *, now_ms: UnixMs) -> list[Said]:
        """Everybody's newest submission at a horizon, quarantined or not, by owner: the owner alone may read them."""
        check_delay(delay, self._state.limits.delays)
        horizon = self._record(name, now_ms).horizons.get(delay)
        return [] if horizon is None else horizon.current(now_ms)

    def judged(self, name: str, delay: int, *, now_ms: UnixMs) -> list[Said]:
        """The submissions that a value would meet now, by owner. Raises as `standing`."""
        check_delay(delay, self._state.limits.delays)
        horizon = self._record(name, now_ms).horizons.get(delay)
        return [] if horizon is None else horizon.judged(now_ms)

    def cdf(self, name: str, delay: int, values: Sequence[float] | None = None, *, now_ms: UnixMs) -> Cdf:
        """The share of all current scenarios at or below each value; None looks where the lags have been.

        Raises NotFound where nobody predicts, InvalidRequest (the reader's fault) for an unknown delay or value.
        """
        scenarios = self._scenarios(name, delay, now_ms)
        lags = self._record(name, now_ms).newest_numbers(LAGS_KEPT)
        return empirical_cdf(scenarios, points_from_lags(lags) if values is None and lags else values)

    def links(self, name: str, delay: int) -> dict[str, float]:
        """Target -> weight, of a stream's links at one delay."""
        return links_of(self._state.links.get(name, frozenset()), name, delay)

    def backlinks(self, target: str) -> list[Link]:
        """The links that point to a stream, in alphabetical order."""
        return backlinks_of(self._state.linked.get(target, set()), target)

    def sources(self, subscriber: str) -> list[str]:
        """The streams that a stream subscribes to, in alphabetical order."""
        return sources_of(self._state.subscriptions.get(subscriber, frozenset()), subscriber)

    def mailbox(self, name: str, by: Hotkey, *, now_ms: UnixMs) -> dict[str, str]:
        """Sender -> its newest value; the stream's owner alone may read it. Raises as `streams.permitted` does."""
        permitted(self._state.stream(name), Action.READ_MESSAGES, by, now_ms, self._state.limits)
        return dict(self._record(name, now_ms).mailbox)

    def _record(self, name: str, now_ms: UnixMs) -> StreamRecord:
        permitted(self._state.stream(name), Action.READ, None, now_ms, self._state.limits)
        return self._state.streams[name]

    def _scenarios(self, name: str, delay: int, now_ms: UnixMs) -> NDArray[np.float64]:
        said = self.standing(name, delay, now_ms=now_ms)
        if not said:
            raise NotFound("nobody predicts this horizon", field="delay")
        return np.stack([one.row() for one in said])
