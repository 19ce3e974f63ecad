"""Accruals of a crowd: their details read back, explained to the last nano, of a bounded size, and let go."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import numpy as np
import pytest

from neurons.cli.arithmetic import worked
from neurons.records import Change, RoundRow
from neurons.store.memory import MemoryStore
from neurons.validating.accruals import UNREADABLE, division_in, pay_rows
from neurons.validating.readings import Readings
from neurons.validating.settling import Settling
from protocol.messages import ExplainLine, ExplainRequest
from protocol.params import PayParams
from protocol.rules.divisions import PARTS_KEPT, divisions
from protocol.rules.incentives import Claim, settle_round
from protocol.rules.settlement import Settlement
from protocol.rules.skill import ProvenSkill
from protocol.units import NANO, Micros, Nano
from tests.support.brisk import BRISK, POINT
from tests.support.rows import a_round, a_score, hotkey_of

BYTES_MOST = 1_600
MINERS = 30
LEAST, BEST = 0, MINERS - 1
"""Numbers of the miners with the least skill, none, and with the most."""


def settlement(miners: int = MINERS) -> Settlement:
    """Everybody alike to some degree, generated; skills from nothing on."""
    chance = np.random.default_rng(7)
    rho = np.triu(chance.integers(1, NANO, (miners, miners)), 1)
    rho += rho.T + NANO * np.eye(miners, dtype=np.int64)
    hotkeys, skills = [hotkey_of(number) for number in range(miners)], [number * 1_234_567 for number in range(miners)]
    divided = dict(zip(hotkeys, divisions(hotkeys, rho.tolist(), skills), strict=True))
    claims = [Claim(h, Nano(s), divided[h].divisor_nano, Nano(NANO)) for h, s in zip(hotkeys, skills, strict=True)]
    proofs = {
        h: ProvenSkill(21, Nano(s), Nano(0), Nano(2_539_483_191), Nano(s), Nano(NANO), Nano(s), "proven")
        for h, s in zip(hotkeys, skills, strict=True)
    }
    pay = settle_round(claims, slice_micros=Micros(1_736_111), pay=PayParams())
    return Settlement(pay, proofs, divided)


def the_round() -> RoundRow:
    return a_round(1, state="resolved", challenge=POINT)


def explained(miner: int, *, prune: bool = False) -> list[ExplainLine]:
    async def ask() -> list[ExplainLine]:
        store, row = MemoryStore(), the_round()
        scores = tuple(a_score(1, number, challenge=POINT) for number in range(MINERS))
        await store.apply(Change(rounds=(row,), scores=scores, pays=tuple(pay_rows(row, 7, settlement()))))
        if prune:
            await store.prune(now_ms=0, evidence_before_ms=row.anchor_at_ms + 1)
        readings = Readings(store, BRISK, Settling(store, BRISK))
        return list((await readings.explain(ExplainRequest(row.round_id, hotkey_of(miner)))).lines)

    return asyncio.run(ask())


def values(lines: list[ExplainLine]) -> dict[tuple[str, str], int]:
    return {(line.section, line.name): line.value for line in lines}


def test_a_detail_says_whom_the_accrual_was_divided_with():
    settled = settlement()
    for pay in pay_rows(the_round(), 7, settled):
        assert settled.divisions[pay.hotkey] == division_in(json.loads(pay.detail))
        assert pay.divisor_nano == division_in(json.loads(pay.detail)).divisor_nano


def test_a_detail_does_not_grow_with_the_number_of_miners():
    for miners in (MINERS, 4 * MINERS):
        assert BYTES_MOST > max(len(pay.detail) for pay in pay_rows(the_round(), 7, settlement(miners)))


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"parts": 7},
        {"parts": [["zz", 1, 1, 1]]},
        {"parts": [["00", 1, 1]]},
        {"parts": [["00", 1.5, 1, 1]]},
        {"rest_nano": -1},
        {"rest_nano": True},
        {"rest_count": None},
    ],
)
def test_a_detail_that_no_validator_wrote_is_refused(broken):
    whole = {"parts": [], "rest_count": 0, "rest_nano": 0}
    with pytest.raises(UNREADABLE):
        division_in(whole | broken if broken else {})


@pytest.mark.parametrize("miner", [LEAST, 1, MINERS // 2, BEST])
def test_the_terms_that_are_shown_add_up_exactly_to_the_divisor(miner):
    found = values(explained(miner))
    parts = [value for (section, name), value in found.items() if section == "shared with" and name.endswith(", part")]

    assert PARTS_KEPT == len(parts)
    assert found["sharing", "divisor"] == NANO + sum(parts) + found["sharing", "the rest"]
    assert (miner == LEAST) == (NANO == found["sharing", "divisor"])
    steps = worked(explained(miner))
    assert {"divisor", "shared skill", "for skill", "accrued"} <= {step.name for step in steps}
    assert [] == [step for step in steps if not step.agrees]


@pytest.mark.parametrize("name", ["the rest", "divisor"])
def test_one_nano_more_or_less_is_seen(name):
    for more in (1, -1):
        altered = [replace(line, value=line.value + more) if line.name == name else line for line in explained(BEST)]
        assert ["divisor"] == [step.name for step in worked(altered) if not step.agrees]


def test_a_part_that_is_not_what_its_formula_gives_is_seen():
    altered = [
        replace(line, value=line.value // 2) if line.name.startswith("3. ") and line.name.endswith("rho") else line
        for line in explained(BEST)
    ]
    [step] = [step for step in worked(altered) if not step.agrees]
    assert step.name.startswith("3. ")


def test_what_retention_let_go_is_said_and_what_is_left_is_still_worked():
    before, after = explained(BEST), explained(BEST, prune=True)

    [told] = [line for line in after if line.name == "arithmetic"]
    assert "let go" in told.note
    assert not [line for line in after if line.section == "shared with"]
    for kept in (("memory", "proven skill"), ("sharing", "divisor"), ("sharing", "shared skill"), ("pay", "accrued")):
        assert values(before)[kept] == values(after)[kept]
    assert ["gain", "shared skill"] == [step.name for step in worked(after)]
    assert all(step.agrees for step in worked(after))
