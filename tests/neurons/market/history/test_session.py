"""Whole downloads from stand-in exchanges: everything that is there, once, whatever happens on the way."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest

pytest.importorskip("pyarrow")

from neurons.market.faults import Faults
from neurons.market.history.blocks import block_path, read_block
from neurons.market.history.download import Progress
from neurons.market.history.folder import DatasetInUse, ForeignDataset, held_alone
from neurons.market.history.months import Month
from neurons.market.history.request import instant_ms
from neurons.market.history.session import download_history
from tests.support.stand_ins import HASTY, asked, digests, generated_venues, stand_ins

STEP_MS = 300_000


def run(sources, check):
    async def main():
        async with stand_ins(sources) as servers:
            await check(servers)

    asyncio.run(main())


def test_a_download_holds_what_the_venues_hold_to_the_last_digit(tmp_path):
    names = ("binance", "bybit", "coinbase", "okx")
    sources = generated_venues(*names)

    async def check(servers):
        request = asked(servers, "2023-01-31T05:00", "2023-02-01T13:20")
        done = await download_history(request, tmp_path, patience=HASTY)

        for name in names:
            expected = sources[name].candles(request.from_ms, request.until_ms)
            found = done.findings[name].block
            assert (request.from_ms, request.until_ms) == (found.from_ms, found.until_ms)
            np.testing.assert_array_equal(expected.open_time_ms, found.candles.open_time_ms)
            np.testing.assert_array_equal(expected.prices_e8, found.candles.prices_e8)
            np.testing.assert_allclose(expected.volume, found.candles.volume, atol=1e-8)
        assert [(name, ()) for name in names] == [(one.venue, one.problems) for one in done.outcomes]
        assert {"2023-01.parquet", "2023-02.parquet"} == {path.name for path in (tmp_path / "venue=okx").iterdir()}

    run(sources, check)


def test_an_extension_and_a_download_in_one_go_are_the_same_bytes(tmp_path):
    async def check(servers):
        for until in ("2023-01-30", "2023-01-30T00:05", "2023-02-02", "2023-02-03"):
            await download_history(asked(servers, "2023-01-28", until), tmp_path / "grown", patience=HASTY)
        await download_history(asked(servers, "2023-01-28", "2023-02-03"), tmp_path / "whole", patience=HASTY)

        assert digests(tmp_path / "whole") == digests(tmp_path / "grown")

    run(generated_venues("binance", "bybit"), check)


def test_an_extension_agrees_only_on_the_months_that_changed(tmp_path):
    async def check(servers):
        told: dict[str, list[Progress]] = {}
        for until in ("2023-02-02", "2023-02-03"):
            request, told[until] = asked(servers, "2023-01-29", until), []
            await download_history(request, tmp_path, patience=HASTY, tell=told[until].append)
        closes = [[one.total for one in notes if one.venue == "agreed"] for notes in told.values()]

        assert [4 * 288] == closes[0]
        assert 3 * 288 < closes[1][0] < 3 * 288 + 10

    run(generated_venues("binance", "bybit"), check)


def test_agreed_candles_of_other_candles_are_never_left_in_a_dataset(tmp_path):
    async def check(servers):
        for until, agreeing in (("2023-02-02", True), ("2023-02-03", False), ("2023-02-03", True)):
            request = asked(servers, "2023-02-01", until)
            done = await download_history(request, tmp_path, patience=HASTY, agreeing=agreeing)
            assert agreeing == ("agreed" in done.findings)
        await download_history(request, tmp_path / "whole", patience=HASTY)
        assert digests(tmp_path / "whole") == {
            name: digest for name, digest in digests(tmp_path).items() if not name.startswith("whole")
        }

        untouched = await download_history(request, tmp_path, patience=HASTY, agreeing=False)
        assert "agreed" in untouched.findings, "nothing has changed, so they are still right"

    run(generated_venues("binance", "bybit"), check)


def test_an_earlier_beginning_is_fetched_too(tmp_path):
    async def check(servers):
        for since in ("2023-02-20", "2023-02-10", "2023-01-25"):
            await download_history(
                asked(servers, since, "2023-03-02"), tmp_path / "grown", patience=HASTY, agreeing=False
            )
        await download_history(
            asked(servers, "2023-01-25", "2023-03-02"), tmp_path / "whole", patience=HASTY, agreeing=False
        )

        assert digests(tmp_path / "whole") == digests(tmp_path / "grown")

    run(generated_venues("binance"), check)


def test_an_earlier_beginning_that_ends_short_leaves_what_was_there_and_is_made_good_later(tmp_path):
    async def check(servers):
        await download_history(asked(servers, "2023-02-10", "2023-02-20"), tmp_path, patience=HASTY, agreeing=False)
        later = read_block(block_path(tmp_path, "binance", Month(2023, 2)))

        def fail_on_the_way(progress: Progress) -> None:
            if progress.total > 5_000 and progress.done > later.until_ms // STEP_MS - later.from_ms // STEP_MS + 999:
                servers["binance"].faults = Faults(status=451)

        request = asked(servers, "2023-01-20", "2023-02-20")
        done = await download_history(request, tmp_path, patience=HASTY, tell=fail_on_the_way, agreeing=False)
        assert "geo-blocked" in done.outcomes[0].problems[0]
        assert 288 < done.findings["binance"].missing
        now = read_block(block_path(tmp_path, "binance", Month(2023, 2)))
        assert (later.from_ms, later.until_ms) == (now.from_ms, now.until_ms)

        servers["binance"].faults = Faults()
        await download_history(request, tmp_path, patience=HASTY, agreeing=False)
        await download_history(request, tmp_path / "whole", patience=HASTY, agreeing=False)
        assert digests(tmp_path / "whole") == {
            name: digest for name, digest in digests(tmp_path).items() if not name.startswith("whole")
        }

    run(generated_venues("binance"), check)


def test_a_second_run_asks_nothing_and_changes_nothing(tmp_path):
    async def check(servers):
        request = asked(servers, "2023-01-25", "2023-02-05")
        await download_history(request, tmp_path, patience=HASTY, agreeing=False)
        before, requests = digests(tmp_path), servers["binance"].requests
        done = await download_history(request, tmp_path, patience=HASTY, agreeing=False)

        assert (before, requests) == (digests(tmp_path), servers["binance"].requests)
        assert [0] == [outcome.fetched for outcome in done.outcomes]

    run(generated_venues("binance"), check)


@pytest.mark.parametrize("spoil", ["flip", "cut", "remove", "rename"])
def test_a_month_that_was_damaged_or_lost_is_fetched_again_and_nothing_else(tmp_path, spoil):
    async def check(servers):
        request = asked(servers, "2023-01-25", "2023-03-05")
        await download_history(request, tmp_path, patience=HASTY, agreeing=False)
        before = digests(tmp_path)
        path = block_path(tmp_path, "binance", Month(2023, 2))
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 1
        if spoil == "remove":
            path.unlink()
        elif spoil == "rename":
            block_path(tmp_path, "binance", Month(2023, 3)).replace(path)
        else:
            path.write_bytes(raw if spoil == "flip" else raw[:-9])
        done = await download_history(request, tmp_path, patience=HASTY, agreeing=False)

        assert before == digests(tmp_path)
        assert (() if spoil == "remove" else ("2023-02.parquet",)) == done.outcomes[0].renewed

    run(generated_venues("binance"), check)


def test_one_venue_in_trouble_ends_short_and_the_others_go_on(tmp_path):
    async def check(servers):
        servers["bybit"].faults = Faults(status=503)
        request = asked(servers, "2023-01-25", "2023-02-05")
        notes = []
        done = await download_history(request, tmp_path, patience=HASTY, tell=notes.append)

        problems = {outcome.venue: outcome.problems for outcome in done.outcomes}
        assert ((), 1) == (problems["binance"], len(problems["bybit"]))
        assert "server-error" in problems["bybit"][0]
        assert {"binance"} == set(done.findings)
        assert 2 == sum("server-error, waiting" in note.note for note in notes)

        servers["bybit"].faults = Faults()
        again = await download_history(request, tmp_path, patience=HASTY)
        assert [(), ()] == [outcome.problems for outcome in again.outcomes]
        assert {"binance", "bybit", "agreed"} == set(again.findings)

    run(generated_venues("binance", "bybit"), check)


def test_a_venue_that_asks_to_be_left_alone_is_asked_again_when_it_said(tmp_path):
    async def check(servers):
        servers["binance"].faults = Faults(status=429, retry_after_s=1)
        notes: list[Progress] = []

        def relent(progress: Progress) -> None:
            notes.append(progress)
            if progress.note:
                servers["binance"].faults = Faults()

        done = await download_history(asked(servers, "2023-01-25", "2023-01-27"), tmp_path, patience=HASTY, tell=relent)

        assert () == done.outcomes[0].problems
        assert ["rate-limited, waiting 1 s"] == [progress.note for progress in notes if progress.note]
        assert 2 == servers["binance"].requests

    run(generated_venues("binance"), check)


def test_a_venue_that_asks_for_a_very_long_pause_or_refuses_the_country_is_given_up_at_once(tmp_path):
    async def check(servers):
        for faults, word in ((Faults(status=429, retry_after_s=86_400), "rate-limited"), (Faults(status=451), "geo")):
            servers["binance"].faults, before = faults, servers["binance"].requests
            done = await download_history(asked(servers, "2023-01-25", "2023-01-27"), tmp_path, patience=HASTY)
            assert word in done.outcomes[0].problems[0]
            assert 1 == servers["binance"].requests - before

    run(generated_venues("binance"), check)


def test_a_hole_in_a_venues_history_is_a_reported_gap(tmp_path):
    hole = instant_ms("2023-01-26T10:00"), instant_ms("2023-01-26T18:00")

    async def check(servers):
        servers["binance"].faults = Faults(gap_from_ms=hole[0], gap_to_ms=hole[1])
        request = asked(servers, "2023-01-25", "2023-01-28")
        done = await download_history(request, tmp_path, patience=HASTY)

        assert (hole[0], 96) in [(gap.from_ms, gap.missing) for gap in done.findings["binance"].holes]
        listed = json.loads((tmp_path / "report.json").read_text())["venues"]["binance"]["gaps"]
        assert {"from_ms": hole[0], "missing": 96} in listed
        manifest = json.loads((tmp_path / "manifest.json").read_text())
        assert done.findings["binance"].missing == manifest["venues"]["binance"]["missing"]

    run(generated_venues("binance"), check)


def test_a_venue_that_keeps_only_its_last_candles_says_what_it_cannot_give(tmp_path):
    async def check(servers):
        request = asked(servers, "2023-05-20", "2023-05-31T12:00")
        done = await download_history(request, tmp_path, patience=HASTY)

        (problem,) = done.outcomes[0].problems
        assert "kraken: has no candles of 2023-05-20 00:00 to 2023-05-29 1" in problem
        found = done.findings["kraken"]
        assert (request.from_ms, request.until_ms) == (found.block.from_ms, found.block.until_ms)
        assert request.from_ms == found.holes[0].from_ms
        assert 500 < len(found.block.candles) < 720

    run(generated_venues("kraken"), check)


def test_a_venue_that_shows_nothing_more_ends_short_and_silence_is_no_gap(tmp_path):
    async def check(servers):
        servers["binance"].faults = Faults(frozen_at_ms=instant_ms("2023-01-26"))
        request = asked(servers, "2023-01-25", "2023-01-28")
        done = await download_history(request, tmp_path, patience=HASTY)

        assert "shows no candle that opens at 2023-01-2" in done.outcomes[0].problems[0]
        held = read_block(block_path(tmp_path, "binance", Month(2023, 1)))
        assert instant_ms("2023-01-26") == held.until_ms, "the candle that ran when it froze is not believed"

    run(generated_venues("binance"), check)


def test_two_runs_on_one_folder_are_refused(tmp_path):
    async def check(servers):
        with held_alone(tmp_path), pytest.raises(DatasetInUse, match="another process"):
            await download_history(asked(servers, "2023-01-25", "2023-01-26"), tmp_path, patience=HASTY)

    run(generated_venues("binance"), check)


def test_candles_of_another_series_step_or_source_are_never_joined(tmp_path):
    async def check(servers):
        await download_history(asked(servers, "2023-01-25", "2023-01-26"), tmp_path, patience=HASTY)
        before = digests(tmp_path)
        for other in (
            asked(servers, "2023-01-25", "2023-01-26", step="1h"),
            asked(servers, "2023-01-25", "2023-01-26", venues="binance=BTC/USDC"),
        ):
            with pytest.raises(ForeignDataset, match="holds BTC/USDT of binance"):
                await download_history(other, tmp_path, patience=HASTY)
        (tmp_path / "manifest.json").write_text((tmp_path / "manifest.json").read_text().replace("BTC-USD", "ETH-USD"))
        with pytest.raises(ForeignDataset, match="holds ETH-USD"):
            await download_history(asked(servers, "2023-01-25", "2023-01-26"), tmp_path, patience=HASTY)
        assert {k: v for k, v in before.items() if "json" not in k} == {
            k: v for k, v in digests(tmp_path).items() if "json" not in k
        }

    run(generated_venues("binance"), check)


def test_a_cancelled_download_keeps_what_it_had(tmp_path):
    async def check(servers):
        request = asked(servers, "2023-01-01", "2023-03-01")
        seen = asyncio.Event()

        def far_enough(progress: Progress) -> None:
            if progress.done >= 3_000:
                seen.set()

        download = asyncio.create_task(download_history(request, tmp_path, tell=far_enough))
        await seen.wait()
        download.cancel()
        with pytest.raises(asyncio.CancelledError):
            await download
        held = read_block(block_path(tmp_path, "binance", Month(2023, 1)))
        assert held.until_ms - held.from_ms >= 3_000 * STEP_MS
        assert not (tmp_path / "manifest.json").exists()

    run(generated_venues("binance"), check)
