"""The commands with which an owner looks after a stream, against a real validator on loopback."""

from __future__ import annotations

import json

from neurons.client import StreamWriter
from neurons.peers_file import read_validators_file
from tests.support.stream_town import PARAMS
from tests.support.world import signing_key

FAR = signing_key("far").hotkey.hex()


def printed(result) -> str:
    assert 0 == result.exit_code, result.output
    return result.stdout


def test_a_link_is_stated_shown_and_taken_back(town):
    async def scenario(node, ask):
        assert "no link from or to cop.json\n" == printed(await ask("far", "stream", "links", "cop"))
        await ask("ann", "publish", "other", "1.5")
        linked = printed(await ask("ann", "stream", "link", "other", "70", "cop"))
        assert linked.endswith("  other.json, 70 s late, to cop.json: linked\n")
        told = json.loads(printed(await ask("far", "stream", "links", "cop", "--json")))
        assert [{"name": "other.json", "delay": 70, "target": "cop.json"}] == told
        shown = printed(await ask("far", "stream", "links", "cop")).splitlines()
        assert ["other.json", "70", "cop.json"] == shown[-1].split()
        undone = printed(await ask("ann", "stream", "link", "other", "70", "cop", "--undo"))
        assert undone.endswith("no longer linked\n")
        assert [] == json.loads(printed(await ask("far", "stream", "links", "cop", "--json")))

    town(scenario)


def test_a_stream_subscribes_and_reads_what_it_was_sent(town, tmp_path):
    async def scenario(node, ask):
        await ask("ann", "publish", "other", "1.5")
        said = printed(await ask("ann", "stream", "subscribe", "other", "cop"))
        assert said.endswith("  other.json: subscribes to cop.json\n")
        assert "subscribes to     cop.json\n" in printed(await ask("far", "stream", "subscriptions", "other"))
        assert "subscribed to by  other.json\n" in printed(await ask("far", "stream", "subscriptions", "cop"))
        assert "nothing was sent to other.json yet\n" == printed(await ask("ann", "stream", "mailbox", "other"))
        [validator] = read_validators_file(tmp_path / "validators.txt")
        async with StreamWriter(validator, signing_key("ann"), params=PARAMS, clock=node.keeper.clock) as ann:
            await ann.publish("cop.json", 12.25)
        mail = printed(await ask("ann", "stream", "mailbox", "other")).splitlines()
        assert ["cop.json", "12.25"] == mail[-1].split()
        told = json.loads(printed(await ask("ann", "stream", "mailbox", "other", "--json")))
        assert [{"sender": "cop.json", "value": "12.25"}] == told
        strangers = await ask("far", "stream", "mailbox", "other")
        assert 2 == strangers.exit_code
        gone = printed(await ask("ann", "stream", "subscribe", "other", "cop", "--undo"))
        assert gone.endswith("no longer subscribes to cop.json\n")
        left = json.loads(printed(await ask("far", "stream", "subscriptions", "other", "--json")))
        assert {"sources": [], "subscribers": []} == left

    town(scenario)


def test_a_stream_is_kept_alive_and_ended_by_its_owner_alone(town):
    async def scenario(node, ask):
        assert printed(await ask("ann", "stream", "touch", "cop")).endswith("  cop.json: lives on\n")
        stranger = await ask("near", "stream", "delete", "cop", "--yes")
        assert (2, True) == (stranger.exit_code, stranger.stderr.startswith("augury: "))
        unsure = await ask("ann", "stream", "delete", "cop")
        assert (2, True) == (unsure.exit_code, "say --yes" in unsure.stderr)
        assert "cop.json" in printed(await ask("ann", "streams"))
        assert printed(await ask("ann", "stream", "delete", "cop", "--yes")).endswith("  cop.json: ended\n")
        names = [one["name"] for one in json.loads(printed(await ask("ann", "streams", "--json")))]
        assert "cop.json" not in names

    town(scenario)


def test_points_go_to_a_key_in_debt_and_nobody_else(town):
    async def scenario(node, ask):
        owed = json.loads(printed(await ask("far", "balance", "--json")))["balance_micros"]
        assert owed < -1_000_000
        given = printed(await ask("near", "transfer", FAR[:8], "0.5"))
        assert "transferred: " in given
        assert "given 500000" in given
        after = json.loads(printed(await ask("far", "balance", "--json")))["balance_micros"]
        assert owed + 450_000 == after
        rich = await ask("far", "transfer", signing_key("near").hotkey.hex(), "1")
        assert (2, True) == (rich.exit_code, "below -1" in rich.stderr)
        himself = await ask("near", "transfer", signing_key("near").hotkey.hex())
        assert 2 == himself.exit_code
        nobody = await ask("near", "transfer", "ffffff")
        assert (2, True) == (nobody.exit_code, "no key on the leaderboard" in nobody.stderr)

    town(scenario)


def test_volumes_are_what_moved_without_signs(town):
    async def scenario(node, ask):
        told = json.loads(printed(await ask("ann", "volumes", "--json")))
        earned = [json.loads(printed(await ask(who, "performance", "--json"))) for who in ("ann", "near", "far")]
        moved = sum(abs(one["amount_micros"]) for lines in earned for one in lines if one["horizon"] == "70::cop.json")
        assert "70::cop.json" == told[0]["horizon"]
        assert moved <= told[0]["amount_micros"]
        assert "without signs" in printed(await ask("ann", "volumes", "--limit", "1"))

    town(scenario)
