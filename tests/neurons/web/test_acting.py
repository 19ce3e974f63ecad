"""What changes something: values, sets, links, mail, points; and what is refused of it."""

from __future__ import annotations

import pytest

from protocol.rules.stream_names import unnamed_stream
from tests.support.gateway_world import ADA, BEN, HOME, NAME, VALUES, GatewayWorld, played


def test_a_refused_submission_is_403_and_why_stands_once_in_the_errors(tmp_path):
    async def scenario(world: GatewayWorld) -> None:
        await world.publish(2.0)
        for fields in (
            {"values": "1,2,3", "delay": 70},
            {"values": VALUES, "delay": 71},
            {"values": "1,x", "delay": 70},
        ):
            refused = await world.ask("PUT", f"/submit/{NAME}", write_key=BEN, **fields)
            assert 403 == refused.status
            assert "Retry-After" not in refused.headers
        assert 403 == (await world.send("DELETE", f"/submit/{NAME}?write_key={BEN}&delay=70")).status
        errors = (await world.send("GET", f"/errors/{BEN}")).told
        assert 4 == len(errors)
        assert any("225" in one["error"] for one in errors)
        assert any("values holds 'x'" in one["error"] for one in errors)

    played(scenario, tmp_path)


@pytest.mark.parametrize("value", ["nan", "inf", "1e400"])
def test_a_value_that_is_no_number_is_refused_and_its_owner_can_read_why(tmp_path, value):
    async def scenario(world: GatewayWorld) -> None:
        assert 400 == (await world.ask("PUT", f"/live/{NAME}", write_key=ADA, value=value)).status
        [error] = (await world.send("GET", f"/errors/{ADA}")).told
        assert ("set", NAME) == (error["operation"], error["name"])
        assert "finite" in error["error"]

    played(scenario, tmp_path)


def test_links_subscriptions_and_mail_go_through(tmp_path):
    async def scenario(world: GatewayWorld) -> None:
        await world.publish(1.0)
        await world.publish(2.0, name="b.json", write_key=BEN)
        assert 200 == (await world.ask("PUT", f"/links/{NAME}", write_key=ADA, delay=70, target="b.json")).status
        assert {"b.json": 1.0} == (await world.send("GET", f"/links/{NAME}?delay=70")).told
        assert {f"delayed::70::{NAME}": 1.0} == (await world.send("GET", "/live/backlinks::b.json")).told
        assert 200 == (await world.ask("DELETE", f"/links/{NAME}", write_key=ADA, delay=70, target="b.json")).status
        assert {} == (await world.send("GET", f"/live/links::70::{NAME}")).told
        assert 200 == (await world.ask("PUT", "/subscriptions/b.json", write_key=BEN, source=NAME)).status
        assert [NAME] == (await world.send("GET", "/subscriptions/b.json")).told
        assert ["b.json"] == (await world.send("GET", f"/subscribers/{NAME}")).told
        await world.publish(7.5)
        assert {NAME: "7.5"} == (await world.ask("GET", "/messages/b.json", write_key=BEN)).told
        assert 400 == (await world.ask("GET", "/messages/b.json", write_key=ADA)).status
        assert 200 == (await world.ask("DELETE", "/subscriptions/b.json", write_key=BEN, source=NAME)).status

    played(scenario, tmp_path)


def test_a_stream_is_deleted_by_its_owner_only(tmp_path):
    async def scenario(world: GatewayWorld) -> None:
        await world.publish(1.0)
        assert 400 == (await world.ask("DELETE", f"/live/{NAME}", write_key=BEN)).status
        assert 200 == (await world.ask("DELETE", f"/live/{NAME}", write_key=ADA)).status
        assert 404 == (await world.send("GET", f"/live/{NAME}")).status
        assert [] == (await world.send("GET", f"/lagged/{NAME}")).told

    played(scenario, tmp_path)


def test_a_stream_without_a_name_gets_a_random_one_and_what_is_no_number_goes_to_its_history(tmp_path):
    async def scenario(world: GatewayWorld) -> None:
        told = (await world.ask("PUT", "/live/", write_key=ADA, value='{"wind": 3}')).told
        assert len(unnamed_stream(bytes(16))) == len(told["name"])
        [(_, fields)] = (await world.send("GET", f"/live/history::{told['name']}")).told
        assert {"wind": 3} == fields

    played(scenario, tmp_path)


def test_more_names_than_a_set_takes_become_several_sets(tmp_path):
    async def scenario(world: GatewayWorld) -> None:
        names = [f"s{k}.json" for k in range(230)]
        fields = {"names": ",".join(names), "values": ",".join(map(str, range(230)))}
        answer = await world.ask("PUT", "/copula/", write_key=ADA, **fields)
        assert names == [one["name"] for one in answer.told]
        assert 400 == (await world.ask("PUT", "/copula/", write_key=ADA, names="a.json,b.json", values="1")).status

    played(scenario, tmp_path)


def test_points_go_to_a_key_in_debt_by_its_write_key_or_its_hotkey(tmp_path):
    async def scenario(world: GatewayWorld) -> None:
        await world.publish(1.0)
        hotkey = (await world.send("GET", f"/{HOME}/{ADA}")).told["hotkey"]
        assert 200 == (await world.ask("PUT", f"/balance/{ADA}", source_write_key=BEN, amount=10)).status
        assert 200 == (await world.ask("PUT", f"/balance/{hotkey}", source_write_key=BEN, amount=20)).status
        assert (-500.0 + 27.0, -30.0) == tuple(
            [(await world.send("GET", f"/balance/{key}")).told for key in (ADA, BEN)]
        )

    played(scenario, tmp_path)
