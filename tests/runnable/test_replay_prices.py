"""Recorded exchanges through the rule of agreed closes: what runnable/replay_prices.py shows and draws."""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from neurons.market.candles import CandleArrays
from protocol.units import DAY_MS, MINUTE_MS
from runnable.price_replays.lies import LIES, MEANINGS
from runnable.price_replays.pictures import PICTURES
from runnable.price_replays.plans import PLANS, midnight_ms
from runnable.price_replays.recordings import STEP_MS, in_fives
from runnable.price_replays.running import replay
from runnable.price_replays.tables import FINDINGS, distances, findings_row, not_counted_rows
from runnable.replay_prices import main
from tests.support.recordings import recordings_or_skip

DEPEG = midnight_ms("2023-03-11")


@pytest.fixture(scope="module")
def recordings():
    return recordings_or_skip()


@pytest.fixture(scope="module")
def depeg(recordings):
    """The day on which USDC lost its peg, by name of the replay."""
    names = ("usdc-usd", "five", "five-as-written", "eight-as-written", "jumping")
    return {name: replay(PLANS[name].of_days(DEPEG, DEPEG + DAY_MS), recordings) for name in names}


def candles(times_ms, closes):
    prices = np.array(closes, np.int64)
    rows = np.stack([prices, prices + 2, prices - 2, prices])
    return CandleArrays(np.array(times_ms, np.int64), rows, np.ones(len(prices)))


def test_five_minutes_are_made_of_the_minutes_that_are_there():
    minutes = candles([0, MINUTE_MS, 4 * MINUTE_MS, 11 * MINUTE_MS], [100, 110, 90, 70])
    fives = in_fives(minutes)

    assert [0, 2 * STEP_MS] == fives.open_time_ms.tolist()
    assert [[100, 70], [112, 72], [88, 68], [90, 70]] == fives.prices_e8.tolist()
    assert [3.0, 1.0] == fives.volume.tolist()


def test_every_lie_has_a_meaning_and_changes_prices():
    honest = candles([at * STEP_MS for at in range(400)], range(10_000, 10_400))

    assert set(LIES) == set(MEANINGS) == {plan.liar[1] for plan in PLANS.values() if plan.liar}
    for lie in LIES.values():
        assert (lie(honest).close_e8 != honest.close_e8).mean() > 0.4


def test_every_picture_is_of_replays_that_there_are():
    assert all(picture.replays <= set(PLANS) for picture in PICTURES)


@pytest.mark.recordings
def test_on_the_day_of_the_depeg_conversion_keeps_the_agreed_close_at_the_dollar(depeg):
    converted, as_written = depeg["five"], depeg["five-as-written"]

    assert distances(converted, converted.agreed).median < 2
    assert distances(converted, converted.agreed).most < 15
    assert distances(as_written, as_written.agreed).median > 20
    assert distances(converted, converted.mean).median > 10


@pytest.mark.recordings
def test_no_median_lies_beyond_every_honest_report_whoever_lies(depeg):
    lied_to = depeg["jumping"]

    assert {0} == {replayed.medians_outside for replayed in depeg.values()}
    assert lied_to.refused["kraken"]["outlier"] > 100
    assert distances(lied_to, lied_to.mean).most > 900
    assert distances(lied_to, lied_to.agreed).most < 20


@pytest.mark.recordings
def test_one_venue_makes_no_rate_and_venues_without_a_rate_do_not_count(depeg, recordings):
    assert {"too-few-reports": 288} == depeg["usdc-usd"].reasons
    eight = replay(PLANS["eight"].of_days(DEPEG, DEPEG + 2 * 3_600_000), recordings)

    assert Counter({"no-rate": 24}) == eight.refused["bybit-usdc"]
    assert any(row[1:4] == ("bybit-usdc", "USDC", "no-rate 24") for row in not_counted_rows(eight))


@pytest.mark.recordings
def test_the_halted_binance_is_absent_and_the_others_agree(recordings):
    plan = PLANS["halt"]
    noon = plan.from_ms + DAY_MS // 2
    halt = replay(replace(plan, from_ms=noon - 3_600_000, until_ms=noon + 3 * 3_600_000, warm_ms=DAY_MS), recordings)

    assert Counter({"not-traded": 12, "no-candle": 16}) <= halt.absent["binance"]
    assert {"median": 48} == halt.reasons
    assert abs(distances(halt, halt.agreed).largest) < 10
    assert distances(halt, halt.mean).largest > 30


@pytest.mark.recordings
def test_the_row_of_a_replay_says_what_its_arrays_say(depeg):
    told = dict(zip(FINDINGS[:6], findings_row(depeg["five"]), strict=False))
    missing = np.count_nonzero(np.isnan(depeg["five"].agreed))

    assert f"{288 - missing} of 288" == told["closes agreed"]
    assert told["by a median"].endswith("outside 0")
    assert missing == sum(map(int, re.findall(r"\d+", told["missing"])))
    assert missing > 0
    assert f"of {288 - 100}" in told["rounds VOID"]


@pytest.mark.recordings
def test_the_command_writes_its_tables_its_closes_and_its_picture(recordings, tmp_path, monkeypatch):
    monkeypatch.setenv("AUGURY_RECORDINGS", str(recordings))
    days = ["--from", "2023-03-24", "--until", "2023-03-25"]
    files = ("--page", "page.md"), ("--closes", "closes.csv"), ("--pictures", "")
    told = invoke("halt", *days, *(part for flag, name in files for part in (flag, str(tmp_path / name))))
    closes = list(csv.DictReader((tmp_path / "closes.csv").open()))

    assert 0 == told.exit_code, told.output
    assert "| halt | 288 of 288 | 288, outside 0 | none | 0 of 188 |" in (tmp_path / "page.md").read_text()
    assert (tmp_path / "prices_halt.png").read_bytes().startswith(b"\x89PNG")
    assert "not-traded 14" in told.output
    assert ("2023-03-24T00:05Z", "2023-03-25T00:00Z") == (closes[0]["close_at_utc"], closes[-1]["close_at_utc"])
    assert 38.4 == max(round(float(close["plain_mean_bp"]), 1) for close in closes)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["nothing"], "no replay is called nothing"),
        (["five", "--from", "11.3."], "YYYY-MM-DD"),
        (["five", "--from", "2024-01-01"], "five has no closes"),
    ],
)
def test_a_wrong_question_is_one_sentence(recordings, monkeypatch, wrong, said):
    monkeypatch.setenv("AUGURY_RECORDINGS", str(recordings))
    told = invoke(*wrong)

    assert 2 == told.exit_code
    assert said in told.output


def test_without_recordings_the_command_says_where_it_looked(tmp_path, monkeypatch):
    monkeypatch.setenv("AUGURY_RECORDINGS", str(tmp_path))
    told = invoke()

    assert 2 == told.exit_code
    assert "AUGURY_RECORDINGS" in told.output


def invoke(*arguments):
    app = typer.Typer()
    app.command()(main)
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200", "TERM": "dumb"})
