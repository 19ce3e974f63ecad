"""What a write key opens for its owner, from submission to settlement."""

from __future__ import annotations

import json

import pytest

from protocol.units import DAY_MS
from tests.support.gateway_world import ADA, BEN, HOME, NAME, SCENARIOS, VALUES, GatewayWorld, played


def test_scenarios_settle_and_everything_is_told_to_the_one_who_owns_the_write_key(tmp_path):
    async def scenario(world: GatewayWorld) -> None:
        await world.publish(2.0, 2.1)
        for write_key, shift in ((ADA, 0.0), (BEN, 0.05)):
            values = ",".join(str(one + shift) for one in SCENARIOS)
            answer = await world.ask("PUT", f"/submit/{NAME}", write_key=write_key, delay=70, values=values)
            assert 200 == answer.status
        assert [] == (await world.send("GET", f"/active/{BEN}")).told
        await world.later(70)
        assert ["70::cop.json"] == (await world.send("GET", f"/active/{BEN}")).told
        await world.publish(2.1)
        [horizon] = (performance := (await world.send("GET", f"/performance/{BEN}")).told)
        assert "70::cop.json" == horizon
        balance = (await world.send("GET", f"/balance/{BEN}")).told
        assert performance[horizon] == balance != 0
        [(when, settled)] = (await world.send("GET", f"/transactions/{BEN}")).told
        assert balance == settled["amount"]
        assert world.clock.now_ms() == int(when.split("-")[0])
        for board in ("/overall", f"/leaderboards/{NAME}?delay=70", f"/live/leaderboard::70::{NAME}"):
            assert sorted(told := (await world.send("GET", board)).told.values(), reverse=True) == list(told)
            assert balance in told
        assert {"70::cop.json": 2 * abs(balance)} == (await world.send("GET", "/volumes")).told
        assert [{}, {}] == [(await world.send("GET", page)).told for page in ("/monthly", "/previous")]
        assert 200 == (await world.send("DELETE", f"/submit/{NAME}?write_key={BEN}&delay=70")).status
        await world.later(71)
        assert [] == (await world.send("GET", f"/active/{BEN}")).told
        told = [json.loads(one)["operation"] for one in (await world.send("GET", f"/confirms/{BEN}")).told]
        assert ["cancel", "withdraw", "submit"] == told

    played(scenario, tmp_path)


def test_an_owner_reads_everybodys_scenarios_and_others_their_own(tmp_path):
    async def scenario(world: GatewayWorld) -> None:
        await world.publish(2.0, 2.1)
        await world.ask("PUT", f"/submit/{NAME}", write_key=BEN, delay=70, values=VALUES)
        mine, all_of_it = [
            (await world.ask("GET", f"/predictions/{NAME}", write_key=key, delay=70)).told for key in (BEN, ADA)
        ]
        assert SCENARIOS == sorted(mine.values())
        assert 450 == len(all_of_it)
        assert mine.items() <= all_of_it.items()
        assert {} == (await world.ask("GET", f"/samples/{NAME}", write_key=BEN, delay=70)).told
        await world.later(70)
        assert mine == (await world.ask("GET", f"/samples/{NAME}", write_key=BEN, delay=70)).told
        assert 403 == (await world.ask("GET", f"/samples/{NAME}", write_key="a-stranger's-key", delay=70)).status

    played(scenario, tmp_path)


def test_settlements_that_are_not_kept_one_by_one_are_told_as_days_that_add_up_to_the_balance(tmp_path):
    async def scenario(world: GatewayWorld) -> None:
        await world.publish(2.0, 2.1)
        for write_key, shift in ((ADA, 0.0), (BEN, 0.05)):
            values = ",".join(str(one + shift) for one in SCENARIOS)
            await world.ask("PUT", f"/submit/{NAME}", write_key=write_key, delay=70, values=values)
        for _ in range(3):
            await world.later(70)
            await world.publish(2.1)
        settled = (await world.send("GET", f"/transactions/{BEN}")).told
        assert 3 == len(settled)
        await world.node.keeper.store.prune_streams(now_ms=world.clock.now_ms(), settled_before_ms=world.clock.now_ms())
        [newest, (began, day)] = (await world.send("GET", f"/transactions/{BEN}")).told
        assert settled[0] == newest
        assert (2, "cop.json", 70, None) == (day["settlements"], day["stream"], day["delay"], day["value"])
        assert 0 == int(began.split("-")[0]) % DAY_MS
        balance = (await world.send("GET", f"/balance/{BEN}")).told
        assert pytest.approx(balance) == newest[1]["amount"] + day["amount"]
        assert 2 == len((await world.send("GET", f"/{HOME}/{BEN}")).told["transactions"])

    played(scenario, tmp_path)
