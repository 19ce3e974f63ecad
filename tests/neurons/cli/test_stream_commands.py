"""The commands that look at open streams, against a real validator on loopback."""

from __future__ import annotations

import asyncio
import json

from neurons.cli.figures import day as day_text
from neurons.client import StreamWriter
from neurons.peers_file import read_validators_file
from protocol.messages import MAX_ROWS
from protocol.units import DAY_MS
from tests.support.stream_town import PARAMS, VALUES
from tests.support.world import signing_key

ANN, NEAR, FAR = (signing_key(name).hotkey.hex() for name in ("ann", "near", "far"))


def printed(result) -> str:
    assert 0 == result.exit_code, result.output
    return result.stdout


def test_streams_and_lags_are_listed(town):
    async def scenario(node, ask):
        listed = printed(await ask("near", "streams"))
        assert "cop.json" in listed
        assert ANN[:8] in listed
        assert "z1~cop~70.json" in listed
        assert "micro" in listed
        told = json.loads(printed(await ask("near", "streams", "--json")))
        assert "cop.json" == told[0]["name"]
        assert "no stream comes after zz" in printed(await ask("near", "streams", "--after", "zz"))
        values = json.loads(printed(await ask("far", "lags", "cop", "--json")))
        assert [repr(10.0 + 0.25 * turn) for turn in reversed(range(VALUES))] == [one["value"] for one in values]
        before = ("--before", str(values[1]["at_ms"]))
        assert values[2:4] == json.loads(printed(await ask("far", "lags", "cop", "--limit", "2", "--json", *before)))
        shown = printed(await ask("far", "lags", "cop.json", "--limit", "3")).splitlines()
        assert shown[-3].split()[1:] == ["30.0", "s", "11.75"]
        assert shown[-1].split()[1:] == ["-", "11.25"]
        assert "no value is that old" in printed(await ask("far", "lags", "cop", "--before", "2020-01-01"))

    town(scenario)


def test_a_distribution_is_drawn_or_told_in_numbers(town):
    async def scenario(node, ask):
        drawn = printed(await ask("far", "cdf", "cop", "--delay", "70"))
        assert "cop.json, 70 s ahead, by 3 owners" in drawn
        assert "█" in drawn
        median, half, wide = drawn.split("median ")[1].splitlines()[0].split("    ")
        assert 10.0 < float(median) < 14.0
        assert half.startswith("50% within ")
        assert wide.startswith("95% within ")
        assert "newest first  11.75  11.5  11.25" in drawn
        lonely = printed(await ask("far", "cdf", "z1~cop~70", "--delay", "70"))
        assert "Everybody says " in lonely
        assert "median" not in lonely
        shares = printed(await ask("far", "cdf", "cop", "--delay", "70", "--values", "0,12,99"))
        assert ["0.0000", "1.0000"] == [line.split()[-1] for line in shares.splitlines()[-3::2]]
        told = json.loads(printed(await ask("far", "cdf", "cop", "--delay", "70", "--form", "2023", "--json")))
        assert 3 == told["owners"]
        assert sorted(told["values"]) == told["values"]
        unknown = await ask("far", "cdf", "cop", "--delay", "71")
        assert (2, True) == (unknown.exit_code, unknown.stderr.startswith("augury: nobody asks 71 s ahead"))
        wrong = await ask("far", "cdf", "cop", "--delay", "70", "--values", "1,x")
        assert (2, "augury: --values: '1,x' are no numbers with commas between\n") == (wrong.exit_code, wrong.stderr)

    town(scenario)


def test_a_live_picture_follows_each_value(town):
    async def scenario(node, ask):
        live = printed(await ask("far", "cdf", "cop", "--delay", "70", "--live", "--count", "1"))
        assert "cop.json, 70 s ahead" in live
        empty = printed(await ask("far", "cdf", "nowhere", "--delay", "70", "--live", "--count", "1"))
        assert "nowhere.json, 70 s ahead: there is no such stream" in empty

    town(scenario)


def test_news_of_one_stream_are_watched_by_its_name(town, tmp_path):
    async def scenario(node, ask):
        watching = asyncio.create_task(ask("far", "watch", "streams/cop", "--count", "1"))
        [validator] = read_validators_file(tmp_path / "validators.txt")
        async with StreamWriter(validator, signing_key("ann"), params=PARAMS, clock=node.keeper.clock) as ann:
            while not watching.done():
                await ann.publish("cop.json", 12.25)
                await asyncio.wait({watching}, timeout=1.1)
        assert printed(watching.result()).endswith("'12.25'\n")

    town(scenario)


def test_settlements_that_are_not_kept_one_by_one_are_shown_by_the_day_and_nothing_is_missing(town):
    async def scenario(node, ask):
        before = json.loads(printed(await ask("near", "transactions", "--json")))
        assert len(before) > 2
        newest_ms = before[0]["settlement_time_ms"]
        await node.keeper.store.prune_streams(now_ms=newest_ms, settled_before_ms=newest_ms)
        after = json.loads(printed(await ask("near", "transactions", "--json")))
        assert before[:1] == after[:1]
        assert len(before) - 1 == sum(one["settlements"] for one in after[1:])
        assert sum(one["amount_micros"] for one in before) == sum(one["amount_micros"] for one in after)
        shown = printed(await ask("near", "transactions"))
        assert "Settlements, newest first" in shown
        assert "Older settlements, by day" in shown
        assert "keeps these settlements only as what they paid in a day" in shown
        day = after[1]["day"]
        assert day_text(day) in shown
        assert "Older" not in printed(await ask("near", "transactions", "--limit", "1"))
        none = printed(await ask("near", "transactions", "--before", str(day * DAY_MS)))
        assert "nothing was settled yet\n" == none

    town(scenario)


def test_points_are_shown_on_boards_balances_and_settlements(town):
    async def scenario(node, ask):
        board = json.loads(printed(await ask("ann", "leaderboard", "--stream", "cop", "--delay", "70", "--json")))
        assert NEAR == board[0]["owner"]
        assert 0 < board[0]["score_micros"]
        shown = printed(await ask("ann", "leaderboard"))
        assert "Leaderboard: all streams, all horizons" in shown
        assert board[0]["name"] in shown
        balance = json.loads(printed(await ask("near", "balance", "--json")))
        assert balance == json.loads(printed(await ask("ann", "balance", NEAR[:8], "--json")))
        assert balance == json.loads(printed(await ask("ann", "balance", board[0]["name"].lower(), "--json")))
        assert balance["balance_micros"] == sum(
            one["amount_micros"]
            for one in json.loads(printed(await ask("near", "transactions", "--json", "--limit", str(MAX_ROWS))))
        )
        earned = json.loads(printed(await ask("ann", "performance", NEAR, "--json")))
        assert balance["balance_micros"] == sum(one["amount_micros"] for one in earned)
        assert f"owner       {FAR}" in printed(await ask("far", "balance"))
        rows = printed(await ask("near", "transactions", "--limit", "2"))
        assert 2 == rows.count("cop.json")
        assert "70::cop.json" in printed(await ask("near", "performance"))
        nobody = await ask("near", "balance", "ffffff")
        assert (2, True) == (nobody.exit_code, "no key on the leaderboard begins with 'ffffff'" in nobody.stderr)
        lonely = await ask("near", "leaderboard", "--sponsor", ANN)
        assert (2, True) == (lonely.exit_code, "--category" in lonely.stderr)
        contest = ("--category", "regular", "--sponsor", ANN)
        assert "nobody has earned or lost a point there yet\n" == printed(await ask("near", "leaderboard", *contest))
        unknown = await ask("near", "leaderboard", "--category", "wildest")
        assert (2, "augury: no category is called 'wildest'\n") == (unknown.exit_code, unknown.stderr)

    town(scenario)


def test_everybodys_log_is_their_own(town):
    async def scenario(node, ask):
        assert "set" in printed(await ask("ann", "confirms"))
        assert "submit" not in printed(await ask("ann", "confirms"))
        assert "submit" in printed(await ask("near", "confirms", "--limit", "3"))
        [refused] = json.loads(printed(await ask("near", "errors", "--json")))
        assert ("submit", True) == (refused["operation"], "nowhere.json" in refused["about"])
        assert "nothing there\n" == printed(await ask("ann", "warnings"))

    town(scenario)
