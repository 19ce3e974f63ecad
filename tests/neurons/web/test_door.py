"""The door: strangers, those that are let in, and those that are shown out."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from neurons.web.write_keys import write_key_digest
from tests.support.gateway_world import ADA, HOME, MEMORABLE, NAME, VALUES, GatewayWorld, played


def test_a_strangers_write_key_opens_nothing_and_is_told_so_where_its_client_looks(tmp_path):
    async def scenario(world: GatewayWorld) -> None:
        await world.publish(2.0)
        stranger = "a-stranger's-key"
        for method, path in (("PUT", f"/live/{NAME}"), ("PATCH", f"/live/{NAME}"), ("PUT", f"/submit/{NAME}")):
            answer = await world.ask(method, path, write_key=stranger, value=1, delay=70, values=VALUES)
            assert (403, "unknown-write-key") == (answer.status, answer.told["code"])
        for page in ("balance", "confirms", "home", "transactions", "active", "performance", "warnings"):
            assert 403 == (await world.send("GET", f"/{page}/{stranger}")).status
        [told] = (await world.send("GET", f"/errors/{stranger}")).told
        assert "augury gateway keys add" in told["error"]
        assert 2 == len(world.table.entries())

    played(scenario, tmp_path)


def test_an_open_door_makes_a_named_hotkey_for_a_write_key_that_took_work(tmp_path):
    async def scenario(world: GatewayWorld) -> None:
        easy = await world.send("GET", "/balance/an-easy-key-without-animal")
        assert (400, "7") == (easy.status, easy.told["limit"])
        home = (await world.send("GET", f"/{HOME}/{MEMORABLE}")).told
        assert 7 <= len(home["animal"].replace(" ", ""))
        await world.publish(1.0, write_key=MEMORABLE)
        await world.later(3)
        assert 6 <= len((await world.send("GET", "/sponsors")).told[NAME].replace(" ", ""))
        assert 3 == len(world.table.entries())

    played(scenario, tmp_path, admit_write_keys=True, admit_difficulty=7, name_letters=6)


def test_an_open_door_closes_when_the_table_is_full(tmp_path):
    async def scenario(world: GatewayWorld) -> None:
        full = await world.send("GET", f"/balance/{MEMORABLE}")
        assert (400, "2") == (full.status, full.told["limit"])
        assert not (tmp_path / "keys").exists()

    played(scenario, tmp_path, admit_write_keys=True, admit_difficulty=6, most_write_keys=2)


def test_two_write_keys_of_one_hotkey_act_in_one_order(tmp_path):
    async def scenario(world: GatewayWorld) -> None:
        ada = world.table.entries()[write_key_digest(ADA)]
        world.table.add(replace(ada, sha256=write_key_digest("ada's-other-key")))
        await world.publish(2.0)
        answers = await asyncio.gather(
            *(
                world.ask("PUT", f"/submit/{NAME}", write_key=write_key, delay=delay, values=VALUES)
                for write_key in (ADA, "ada's-other-key")
                for delay in (70, 70, 310, 70)
            )
        )
        assert [200] * 8 == [one.status for one in answers], [one.text for one in answers]

    played(scenario, tmp_path)


def test_what_is_removed_from_the_table_is_refused_at_once(tmp_path):
    async def scenario(world: GatewayWorld) -> None:
        await world.publish(2.0)
        [entry] = [one for one in world.table.entries().values() if one.key_file.name.startswith(one.sha256[:8])][:1]
        world.table.remove(entry.sha256)
        assert 403 == (await world.ask("PATCH", f"/live/{NAME}", write_key=ADA)).status

    played(scenario, tmp_path)
