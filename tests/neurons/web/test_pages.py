"""The gateway over HTTP: what its clients ask, in their own words, and what floods and nonsense get."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from neurons.telemetry import PageRefused
from neurons.web.asking import MAX_BODY_BYTES, MAX_FIELDS
from tests.support.gateway_world import ADA, BEN, NAME, SCENARIOS, VALUES, GatewayWorld, played

RECORDED = Path(__file__).parents[2] / "vectors/microprediction_requests.json"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def test_the_clients_own_requests_are_answered_in_the_shapes_that_they_parse(tmp_path):
    """Each request as the real client sent it; what it does with the answer stands beside it."""
    parses = {
        "MicroReader()": lambda told: [70, 310, 910, 3555] == told["delays"] and 225 == told["num_predictions"],
        "set": lambda told: {"name": NAME, "value": "1.5", "percentiles": {}} == told,
        "set with_percentiles": lambda told: "2.5" == told["value"],
        "cset": lambda told: ["a.json", "b.json"] == [one["name"] for one in told],
        "touch": lambda told: told["success"],
        "get_current_value": lambda told: "2.5" == told,
        "get_lagged_values": lambda told: [2.5, 1.5] == [value for _, value in told],
        "get_lagged_times": lambda told: 1e10 > told[0][0] > told[1][0] > 1e9,
        "get_lagged_copulas": lambda told: [] == told,
        "get_delayed_value": lambda told: 2.5 == told,
        "get_summary": lambda told: [2.5, 1.5] == told["lagged_values::cop.json"],
        "get_sponsors": lambda told: {NAME, "a.json", "b.json"} == set(told) and len(told[NAME]) > 6,
        "get_budgets": lambda told: {NAME: 1.0, "a.json": 1.0, "b.json": 1.0} == told,
        "get_prizes": lambda told: [] == told,
        "submit": lambda told: told["success"] and SCENARIOS[:5] == told["some_values"],
        "get_cdf": lambda told: [0.0, 1.0, 1.0] == pytest.approx(told["y"]) if "x" in told else False,
        "get_cdf_lagged": lambda told: "x" in told or len(told) == 2,
        "cancel": lambda told: [70] == told["delays"],
        "get_balance": lambda told: -1_500.0 == told,
        "get_errors": lambda told: [] == told,
        "get_warnings": lambda told: [] == told,
        "get_confirms": lambda told: "withdraw" == json.loads(told[0])["operation"],
        "get_transactions": lambda told: [] == told,
        "get_active": lambda told: "70::cop.json" not in told and "310::cop.json" in told,  # the owner's benchmark
        "get_performance": lambda told: {} == told,
        "get_own_predictions": lambda told: {} == told,  # withdrawn before
        "put_balance": lambda told: told["success"],
        "get_home": lambda told: -1_500.0 == told["balance"],
    }
    not_offered = {
        "set_repository", "set_email", "set_state", "get_state", "delete_state",
        "delete_errors", "delete_performance",
    }  # fmt: skip

    async def scenario(world: GatewayWorld) -> None:
        for one in json.loads(RECORDED.read_text())["requests"]:
            await world.later(80 if one["call"] == "get_delayed_value" else 1)
            path, body = (
                one[part]
                .replace("WRITE_KEY", ADA)
                .replace("SOURCE_KEY", BEN)
                .replace("VALUES", VALUES.replace(",", "%2C"))
                for part in ("path", "body")
            )
            kind = {"Content-Type": one["content_type"]} if one["content_type"] else {}
            answer = await world.send(one["method"], path, data=body or None, headers=kind)
            call = one["call"]
            if call in not_offered:
                assert (501, "not-offered") == (answer.status, answer.told["code"]), call
            else:
                assert 200 == answer.status, (call, answer.text)
                assert parses[call](answer.told), (call, answer.text)

    played(scenario, tmp_path)


def test_a_count_of_n_gives_n_plus_one_lags_newest_first(tmp_path):
    async def scenario(world: GatewayWorld) -> None:
        await world.publish(1, 2, 3, 4)
        assert [4.0, 3.0, 2.0] == [value for _, value in (await world.ask("GET", f"/lagged/{NAME}", count=2)).told]
        assert [4.0] == [value for _, value in (await world.send("GET", f"/lagged/{NAME}?count=0")).told]
        assert [4.0, 3.0, 2.0, 1.0] == (await world.send("GET", f"/live/lagged_values::{NAME}")).told
        assert 400 == (await world.send("GET", f"/lagged/{NAME}?count=-1")).status
        assert 400 == (await world.send("GET", f"/lagged/{NAME}?count=10000")).status

    played(scenario, tmp_path)


SUBJECTS = (
    "", "%00", "..%2F..%2Fetc", "a%0Ab.json", "z1~cop~70.json", "::", "delayed::70", "delayed::x::cop.json",
    "delayed::71::cop.json", "lagged::", "summary::nobody.json", "%F0%9F%90%99.json", "x" * 3_000,
)  # fmt: skip
NUMBERS = ("", "nan", "1e400", "-1", "0", "70.5", "9" * 400, "0x46", "70,310", "\u0667\u0660")
TAKEN = (
    ("GET", "live"), ("GET", "lagged"), ("GET", "cdf"), ("GET", "leaderboards"), ("GET", "links"), ("GET", "errors"),
    ("GET", "active"), ("GET", "predictions"), ("PUT", "live"), ("PATCH", "live"), ("PUT", "submit"),
    ("DELETE", "submit"), ("PUT", "links"), ("PUT", "subscriptions"), ("PUT", "balance"), ("DELETE", "live"),
)  # fmt: skip


def test_nothing_that_is_asked_makes_the_gateway_fail(tmp_path):
    async def scenario(world: GatewayWorld) -> None:
        await world.publish(2.0)
        for method, page in TAKEN:
            for subject in SUBJECTS:
                fields = {"value": 1, "delay": 70, "values": VALUES, "target": subject, "source": subject}
                answer = await world.ask(method, f"/{page}/{subject}", write_key=ADA, source_write_key=BEN, **fields)
                assert answer.status < 500, (method, page, subject, answer.text)
            for number in NUMBERS:
                await world.later(1)
                fields = dict.fromkeys(("count", "delay", "values", "value", "budget", "amount"), number)
                answer = await world.ask(method, f"/{page}/{NAME}", write_key=ADA, source_write_key=BEN, **fields)
                assert answer.status < 500, (method, page, number, answer.text)

    played(scenario, tmp_path)


@pytest.mark.parametrize(
    ("status", "more"),
    [
        (
            413,
            {
                "data": b"value=" + b"1" * MAX_BODY_BYTES,
                "headers": FORM,
            },
        ),
        (400, {"json": {"value": 1}}),
        (413, {"data": {f"f{k}": "1" for k in range(MAX_FIELDS + 1)}}),
        (413, {"data": b"value=\xff", "headers": FORM}),
        (400, {"data": {"write_key": "x"}}),
        (400, {"data": {"write_key": "with a blank"}}),
        (400, {}),
    ],
)
def test_a_body_that_is_too_large_or_no_form_is_refused_before_anything_is_done(tmp_path, status, more):
    async def scenario(world: GatewayWorld) -> None:
        answer = await world.send("PUT", f"/live/{NAME}", **more)
        assert status == answer.status
        assert not answer.told["success"]

    played(scenario, tmp_path)


def test_one_request_too_many_is_told_to_come_again(tmp_path):
    async def scenario(world: GatewayWorld) -> None:
        answers = await asyncio.gather(*(world.send("GET", "/budgets") for _ in range(8)))
        assert {200, 503} == {one.status for one in answers}
        assert {"1"} == {one.headers["Retry-After"] for one in answers if one.status == 503}
        assert 200 == (await world.send("GET", "/budgets")).status

    played(scenario, tmp_path, requests_at_once=1)


def test_a_request_that_takes_too_long_is_given_up(tmp_path):
    async def scenario(world: GatewayWorld) -> None:
        reader, writer = await asyncio.open_connection(*world.address.removeprefix("http://").split(":"))
        writer.write(b"PUT /live/a.json HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nv")
        assert b"504" in await reader.readline()
        writer.close()

    played(scenario, tmp_path, request_timeout_s=0.2)


def test_a_validator_that_is_away_is_503_and_nothing_is_made_up(tmp_path):
    async def scenario(world: GatewayWorld) -> None:
        await world.publish(1.0)
        world.cut_off()
        away = await world.send("GET", f"/live/{NAME}")
        assert (503, "peer-unreachable") == (away.status, away.told["code"])
        assert "Retry-After" in away.headers
        given_up = await world.ask("PUT", f"/live/{NAME}", write_key=ADA, value=2)
        assert (504, "expired") == (given_up.status, given_up.told["code"])

    played(scenario, tmp_path, request_timeout_s=0.5)


def test_a_key_file_that_does_not_open_is_the_operators_business(tmp_path):
    async def scenario(world: GatewayWorld) -> None:
        [entry, *_] = world.table.entries().values()
        entry.key_file.chmod(0o644)
        answer = await world.send("GET", f"/balance/{ADA}")
        assert (500, "key-file-exposed") == (answer.status, answer.told["code"])
        assert str(tmp_path) not in answer.text
        assert [True] == ["chmod 600" in one.reason for one in world.events if isinstance(one, PageRefused)]

    played(scenario, tmp_path)


def test_what_is_logged_names_pages_and_codes_and_no_write_key(tmp_path):
    async def scenario(world: GatewayWorld) -> None:
        await world.send("GET", "/balance/a-stranger's-key")
        await world.send("DELETE", f"/submit/{NAME}?write_key={ADA}")
        await world.send("GET", f"/elsewhere/{ADA}")
        refused = [(one.page, one.code, one.status) for one in world.events if isinstance(one, PageRefused)]
        assert [
            ("GET /balance/{subject}", "unknown-write-key", 403),
            ("DELETE /submit/{subject}", "invalid-request", 403),
            ("* elsewhere", "not-found", 404),
        ] == refused

    played(scenario, tmp_path)


def test_whoever_opens_the_address_is_told_how_a_client_comes_here(tmp_path):
    async def scenario(world: GatewayWorld) -> None:
        assert f'base_url="{world.address}"' in (await world.send("GET", "/")).text

    played(scenario, tmp_path)
