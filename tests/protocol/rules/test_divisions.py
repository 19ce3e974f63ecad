"""A division is its divisor to the last nano, whatever it leaves unnamed."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.rules.divisions import ALONE, PARTS_KEPT, divided_again, divisions
from protocol.rules.similarity import sharing_divisors
from protocol.units import NANO


def keys(count):
    return [bytes([255 - number]) * 32 for number in range(count)]


@st.composite
def crowds(draw, most=20):
    """Hotkeys, a symmetric rho with zeros and ones among it, skills with zeros and ties among them."""
    size = draw(st.integers(1, most))
    likeness = st.sampled_from([0, 1, NANO // 3, NANO]) | st.integers(0, NANO)
    rho = [[NANO] * size for _ in range(size)]
    for i in range(size):
        for j in range(i):
            rho[i][j] = rho[j][i] = draw(likeness)
    skill = st.sampled_from([0, 1, 20_000_000]) | st.integers(0, 60_000_000)
    return keys(size), rho, [draw(skill) for _ in range(size)]


def every_part(place, crowd):
    """(exact size, rho, hotkey) of all others that are alike, the largest first, then more alike, then by hotkey."""
    hotkeys, rho, skills = crowd
    sizes = [
        (rho[place][j] * min(skills[place], skills[j]), rho[place][j], hotkeys[j])
        for j in range(len(hotkeys))
        if j != place and rho[place][j]
    ]
    return sorted(sizes, key=lambda part: (-part[0], -part[1], part[2]))


@given(crowds())
@settings(max_examples=150, deadline=None)
def test_parts_and_rest_add_up_to_the_divisor_of_the_rule(crowd):
    hotkeys, rho, skills = crowd

    found = divisions(hotkeys, rho, skills)

    assert sharing_divisors(rho, skills) == [
        NANO + sum(part.part_nano for part in one.parts) + one.rest_nano for one in found
    ]
    assert sharing_divisors(rho, skills) == [one.divisor_nano for one in found]


@given(crowds())
@settings(max_examples=150, deadline=None)
def test_the_largest_are_named_in_order_and_all_others_counted(crowd):
    hotkeys, rho, skills = crowd

    for place, one in enumerate(divisions(hotkeys, rho, skills)):
        wanted = every_part(place, crowd)
        assert [(r, hotkey) for _, r, hotkey in wanted[:PARTS_KEPT]] == [(p.rho_nano, p.hotkey) for p in one.parts]
        assert [skills[hotkeys.index(p.hotkey)] for p in one.parts] == [p.skill_nano for p in one.parts]
        assert max(0, len(wanted) - PARTS_KEPT) == one.rest_count


@given(crowds())
@settings(max_examples=150, deadline=None)
def test_every_part_is_within_a_nano_of_its_formula_and_so_is_the_rest(crowd):
    hotkeys, rho, skills = crowd

    for place, one in enumerate(divisions(hotkeys, rho, skills)):
        own, wanted = skills[place], every_part(place, crowd)
        rest = sum(size for size, _, _ in wanted[PARTS_KEPT:])
        for part, (size, _, _) in zip(one.parts, wanted, strict=False):
            assert abs(part.part_nano * own - size) < max(own, 1)
        assert abs(one.rest_nano * own - rest) < max(own, 1)
        assert one.rest_nano >= 0
        assert 0 == one.rest_nano or one.rest_count


@given(crowds(), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_the_order_in_which_miners_come_changes_nothing(crowd, chance):
    hotkeys, rho, skills = crowd
    order = list(range(len(hotkeys)))
    chance.shuffle(order)

    shuffled = divisions(
        [hotkeys[i] for i in order], [[rho[i][j] for j in order] for i in order], [skills[i] for i in order]
    )

    assert divisions(hotkeys, rho, skills) == [shuffled[order.index(place)] for place in range(len(order))]


@given(crowds())
@settings(max_examples=100, deadline=None)
def test_a_division_found_by_others_is_the_same_when_put_together_again(crowd):
    hotkeys, rho, skills = crowd
    proven = dict(zip(hotkeys, skills, strict=True))

    for hotkey, one in zip(hotkeys, divisions(hotkeys, rho, skills), strict=True):
        assert one == divided_again(one, hotkey, proven)


def test_what_others_found_is_worked_out_by_skills_proven_here_and_of_those_who_claim():
    hotkeys, rho, skills = keys(3), [[NANO] * 3] * 3, [20_000_000] * 3
    one, proven = divisions(hotkeys, rho, skills)[0], dict(zip(hotkeys, skills, strict=True))
    told_less = replace(one, parts=tuple(replace(part, skill_nano=0, part_nano=0) for part in one.parts))

    assert 3 * NANO == one.divisor_nano
    assert one == divided_again(told_less, hotkeys[0], proven)
    assert 2 * NANO == divided_again(one, hotkeys[0], {h: s for h, s in proven.items() if h != hotkeys[1]}).divisor_nano
    assert NANO == ALONE.divisor_nano
