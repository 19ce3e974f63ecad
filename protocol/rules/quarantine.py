"""Quarantine: whose scenarios meet a value, by the validator's clock alone.

    received --delay--> judged by every value from then on, until the owner's next word has waited as long itself

A submission is judged from `delay` seconds after its receipt on, and so are a replacement and a cancellation: nobody
changes its mind about what is near. Each counts exactly on time, to the millisecond of the receipt; nothing waits for a
sweep, and two owners who submit in one instant are both judged. (The original copied promises by the second: of two
owners one was lost, and a cancellation might strike 100 s early.)
Only who stands where is decided here; the scenarios stay where they are kept, under the sequence number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from protocol.units import DAY_MS, SECOND_MS, UnixMs

LIFE_MS: Final = 3 * DAY_MS
"""A submission that is never renewed is judged for so long after its quarantine."""


@dataclass(frozen=True, slots=True)
class Word:
    """What an owner said for one stream and horizon: these scenarios, or none any more (a cancellation).

    received_at_ms: stamped on arrival, before any queue.  sequence: the owner's own number, higher for later words.
    """

    owner: str
    received_at_ms: UnixMs
    sequence: int
    cancels: bool = False


def judged(words: Iterable[Word], *, at_ms: UnixMs, delay: int, life_ms: int = LIFE_MS) -> dict[str, Word]:
    """Owner -> the submission that a value published at `at_ms` is held against, in the order of owners.

    words: of one stream and horizon, in any order.  delay: the horizon in seconds.
    An owner's last word that has waited `delay` seconds or more counts; a cancellation leaves it out, and so does the
    end of the submission's life.
    """
    newest = _last_words(words, until_ms=at_ms - delay * SECOND_MS)
    oldest_ms = at_ms - delay * SECOND_MS - life_ms
    return {
        owner: word for owner, word in sorted(newest.items()) if not word.cancels and word.received_at_ms > oldest_ms
    }


def current(words: Iterable[Word], *, at_ms: UnixMs, life_ms: int = LIFE_MS) -> dict[str, Word]:
    """Owner -> its newest submission, quarantined or not: what a stream's distribution is read from.

    A cancellation takes a forecast out of what is read at once, though it is still judged for a while.
    """
    newest = _last_words(words, until_ms=at_ms)
    return {
        owner: word
        for owner, word in sorted(newest.items())
        if not word.cancels and word.received_at_ms > at_ms - life_ms
    }


def still_needed(words: Iterable[Word], *, at_ms: UnixMs, delay: int, life_ms: int = LIFE_MS) -> list[Word]:
    """The words that some value from `at_ms` on may be held against, by owner and time; the others can be let go.

    Those are each owner's last word out of quarantine, unless it is over, and everything it said since.
    """
    every = sorted(words, key=lambda word: (word.owner, *_order(word)))
    counts = judged(every, at_ms=at_ms, delay=delay, life_ms=life_ms)
    quarantined_ms = at_ms - delay * SECOND_MS
    return [word for word in every if word.received_at_ms > quarantined_ms or counts.get(word.owner) == word]


def _last_words(words: Iterable[Word], *, until_ms: int) -> dict[str, Word]:
    newest: dict[str, Word] = {}
    for word in words:
        if word.received_at_ms <= until_ms:
            known = newest.get(word.owner)
            if known is None or _order(word) > _order(known):
                newest[word.owner] = word
    return newest


def _order(word: Word) -> tuple[int, int]:
    """Later words come after earlier ones; of one millisecond, the owner's own numbers decide."""
    return word.received_at_ms, word.sequence
