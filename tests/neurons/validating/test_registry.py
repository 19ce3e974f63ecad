"""Who takes part in a round: settled by dates, so that it is the same however late the round is scored."""

from __future__ import annotations

from neurons.validating.registry import Registry
from protocol.units import UnixMs
from tests.support.rows import hotkey_of

POINT, PATHS = "closes.point", "closes.paths"
ALICE, BOB = hotkey_of(1), hotkey_of(2)


def names(registry: Registry, challenge: str, at_ms: int) -> set[bytes]:
    return {row.hotkey for row in registry.participants(challenge, registered_by_ms=at_ms)}


def test_a_miner_takes_part_in_what_it_registered_for_from_then_on():
    registry = Registry()
    registry.register(ALICE, "a:1", (POINT, PATHS), now_ms=UnixMs(100))
    assert [set(), {ALICE}] == [names(registry, PATHS, at) for at in (99, 100)]


def test_a_challenge_joined_later_counts_from_then_on_and_changes_nothing_before():
    registry = Registry()
    registry.register(ALICE, "a:1", (POINT,), now_ms=UnixMs(100))
    registry.register(BOB, "b:1", (PATHS,), now_ms=UnixMs(100))
    row = registry.register(ALICE, "a:2", (PATHS, POINT, PATHS), now_ms=UnixMs(200))
    assert [{BOB}, {BOB, ALICE}] == [names(registry, PATHS, at) for at in (199, 200)]
    assert {ALICE} == names(registry, POINT, 100)
    assert ((POINT, PATHS), (UnixMs(200),), UnixMs(100)) == (row.challenges, row.joined_at_ms, row.registered_at_ms)
    assert [100, 200, None] == [row.joined_ms(challenge) for challenge in (POINT, PATHS, "another")]


def test_registering_again_for_less_changes_nothing():
    registry = Registry()
    first = registry.register(ALICE, "a:1", (POINT, PATHS), now_ms=UnixMs(100))
    assert first == registry.register(ALICE, "a:1", (POINT,), now_ms=UnixMs(300))
