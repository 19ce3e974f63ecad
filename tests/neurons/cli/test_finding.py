"""Rounds and hotkeys found by their first digits, also among more rounds than one page holds."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from neurons.cli.finding import PAGE, find_hotkey, find_round
from protocol.errors import InvalidSetting, NotFound, NotYetPublic
from protocol.messages import RoundSummary, StandingsReply
from protocol.units import Nano, Pico, RoundId, UnixMs

STEP_MS = 300_000


def summary(number: int, state: str = "final") -> RoundSummary:
    """Two rounds of different challenges share each anchor."""
    identity = RoundId(hashlib.sha256(str(number).encode()).digest())
    challenge, anchor = ("closes.point", "closes.paths")[number % 2], UnixMs(number // 2 * STEP_MS)
    return RoundSummary(identity, "BTC-USD", challenge, anchor, state, "", Pico(1), 0, 0, Nano(0), "live")


class Listed:
    """A source that holds these rounds and nobody's standing; counts how often it was asked."""

    def __init__(self, rounds: list[RoundSummary]) -> None:
        self._rounds = sorted(rounds, key=lambda r: -r.anchor_at_ms)
        self.asked = 0

    async def rounds(self, *, series="", challenge="", state="", before_ms=0, limit=50):
        self.asked += 1
        return tuple(
            r
            for r in self._rounds
            if challenge in ("", r.challenge)
            and state in ("", r.state)
            and (not before_ms or r.anchor_at_ms < before_ms)
        )[:limit]

    async def standings(self, series, challenge):
        return StandingsReply(UnixMs(0), ())


MANY = [summary(number) for number in range(3 * PAGE)]


def test_every_round_can_be_found_also_where_a_page_ends_between_two_of_one_anchor():
    odd = Listed(MANY[:-1])
    for wanted in (MANY[0], MANY[-2], *MANY[2 * PAGE - 6 : 2 * PAGE + 6]):
        assert wanted == asyncio.run(find_round(odd, wanted.round_id.hex()))
        assert wanted == asyncio.run(find_round(odd, wanted.round_id.hex()[:10]))


def test_a_whole_id_is_looked_for_no_further_than_it_is_found():
    source = Listed(MANY)
    asyncio.run(find_round(source, MANY[-1].round_id.hex()))
    assert 1 == source.asked


def test_digits_that_several_rounds_begin_with_are_refused_with_the_first_of_them():
    with pytest.raises(InvalidSetting, match=r"rounds begin with 00: 00\w{10}, .*; give more digits"):
        asyncio.run(find_round(Listed(MANY), "00"))


def test_latest_is_the_newest_settled_round_whatever_became_of_it():
    rounds = [summary(0, "final"), summary(2, "void"), summary(4, "resolved"), summary(6, "scoring")]
    assert rounds[2] == asyncio.run(find_round(Listed(rounds), "latest"))
    assert rounds[1] == asyncio.run(find_round(Listed(rounds[:2]), "latest"))
    with pytest.raises(NotYetPublic, match="no round has resolved yet"):
        asyncio.run(find_round(Listed(rounds[3:]), "latest"))


def test_nobody_is_looked_for_in_a_round_that_has_not_resolved():
    with pytest.raises(NotYetPublic, match="is scoring; its answers are told once it has resolved"):
        asyncio.run(find_hotkey(Listed([]), summary(0, "scoring"), "abcd"))
    with pytest.raises(NotFound, match=r"no hotkey of closes\.point on BTC-USD begins with abcd"):
        asyncio.run(find_hotkey(Listed([]), summary(0, "final"), "abcd"))
