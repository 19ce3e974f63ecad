"""`augury prices` on databases of generated closes: one close, a range, and two databases side by side."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from neurons.cli.times import read_instant
from neurons.market.evidence import no_history, row_of
from neurons.market.settling import Absence, AgreedClose
from neurons.records import Change, CloseRow, MetaRow
from neurons.store.sqlite import SqliteStore
from protocol.errors import InvalidSetting
from protocol.params import MAIN
from protocol.rules.prices import PAR, PriceReport, agree_close, remember
from protocol.units import MINUTE_MS, PriceE8, UnixMs
from tests.neurons.cli.conftest import augury

STEP_MS = 5 * MINUTE_MS
START = 1_750_000_200_000
RATE = PriceE8(99_900_000)
"""Of one unit in which `tether` is quoted."""


def told_at(step: int) -> dict[str, int | None]:
    """What each venue says of a step: `tether` in another currency, `liar` off at step 60, `quiet` silent from 70."""
    price = 6_000_000_000_000 + (step * 37 % 11 - 5) * 10**9
    return {
        "coinbase": price,
        "kraken": price + 2 * 10**8,
        "liar": price + (5 * 10**11 if step == 60 else 10**8),
        "quiet": None if step >= 70 else price - 10**8,
        "tether": price * 10**8 // RATE,
    }


def rows(steps: int, tell=told_at, *, received_after_ms: int = 31_000) -> list[CloseRow]:
    """Closes agreed one after the other from what venues tell, as a market stores them."""
    history, made = no_history(MAIN), []
    for step in range(steps):
        at = UnixMs(START + step * STEP_MS)
        reports = tuple(
            PriceReport(name, PriceE8(e8), UnixMs(at + received_after_ms), RATE if name == "tether" else PAR)
            for name, e8 in tell(step).items()
            if e8 is not None
        )
        absent = {name: Absence.SILENT for name, e8 in tell(step).items() if e8 is None}
        agreement = agree_close(reports, history)
        history = remember(history, at, agreement)
        close = AgreedClose(at, agreement, reports, absent=absent)
        made.append(row_of(close, series="BTC-USD", agreed_at_ms=UnixMs(at + 40_000)))
    return made


def database(path: Path, closes: Sequence[CloseRow], *, meta: Sequence[MetaRow] = ()) -> Path:
    async def write() -> None:
        async with await SqliteStore.open(path) as store:
            await store.apply(Change(closes=tuple(closes), meta=tuple(meta)))

    asyncio.run(write())
    return path


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return database(tmp_path_factory.mktemp("prices") / "here.sqlite", [r for r in rows(80) if r != rows(80)[20]])


def told(*arguments: str) -> Any:
    ran = augury("prices", "BTC-USD", *arguments, "--json")
    assert 0 == ran.exit_code, ran.output
    return json.loads(ran.stdout)


def shown(*arguments: str) -> str:
    ran = augury("prices", "BTC-USD", *arguments)
    assert max(map(len, ran.stdout.splitlines()), default=0) <= 100
    return " ".join((ran.stdout + ran.output).split())


def at(step: int) -> str:
    return str(START + step * STEP_MS)


def test_one_close_shows_what_each_venue_said_and_what_became_of_it(held):
    [close] = told("--db", str(held), "--at", at(60))

    by_venue = {one["venue"]: one for one in close["venues"]}
    assert {"coinbase": "counted", "kraken": "counted", "liar": "outlier", "quiet": "counted", "tether": "counted"} == {
        name: one["verdict"] for name, one in by_venue.items()
    }
    assert (RATE, told_at(60)["tether"]) == (by_venue["tether"]["rate_e8"], by_venue["tether"]["close_e8"])
    assert abs(by_venue["tether"]["worth_e8"] - told_at(60)["coinbase"]) <= 1
    assert 800_000 < by_venue["liar"]["distance_millibp"] < 850_000
    text = shown("--db", str(held), "--at", at(60))
    assert "liar 65,040" in text
    assert "outlier +31.0 s" in text
    assert "median of 4 that counted" in text


def test_without_a_time_it_is_the_newest_close_and_who_was_silent_is_said(held):
    [close] = told("--db", str(held))

    assert START + 79 * STEP_MS == close["close_at_ms"]
    assert [("quiet", "silent")] == [(v["venue"], v["verdict"]) for v in close["venues"] if v["close_e8"] is None]


def test_a_range_is_listed_and_summed_up_by_venue(held):
    span = told("--db", str(held), "--from", at(10), "--to", at(79))

    assert (70, 69, [START + 20 * STEP_MS]) == (span["due"], span["agreed"], span["not_held"])
    outcomes = {one["venue"]: one["outcomes"] for one in span["venues"]}
    assert {"counted": 68, "outlier": 1} == outcomes["liar"]
    assert {"counted": 59, "silent": 10} == outcomes["quiet"]
    assert all(abs(one["farthest_millibp"]) < 1_000 for one in span["venues"])
    text = shown("--db", str(held), "--from", at(10), "--to", at(79), "--limit", "20")
    assert "20 of 69 closes, newest first" in text
    assert "liar outlier" in text
    assert "70 closes due in session: 69 agreed, 0 missing, 1 not held." in text


def test_a_missing_close_is_marked_with_its_reason(tmp_path):
    def alone(step: int) -> dict[str, int | None]:
        return {name: e8 if name == "kraken" or step != 3 else None for name, e8 in told_at(step).items()}

    path = database(tmp_path / "gap.sqlite", rows(6, alone))
    assert "MISSING too-few-reports 1" in shown("--db", str(path), "--from", at(0))
    assert "MISSING: too-few-reports" in shown("--db", str(path), "--at", at(3))
    assert {"too-few-reports": 1} == told("--db", str(path), "--from", at(0))["missing"]


def test_two_databases_that_heard_the_same_are_alike_to_the_bit(held, tmp_path):
    later = database(tmp_path / "later.sqlite", rows(80, received_after_ms=45_000))

    comparison = told("--db", str(held), "--against", str(later))
    assert (79, 79, []) == (comparison["compared"], comparison["alike"], comparison["differences"])
    assert [START + 20 * STEP_MS] == comparison["only_there"]


def test_of_two_databases_that_differ_the_venue_that_explains_it_is_named(held, tmp_path):
    def other(step: int) -> dict[str, int | None]:
        said = told_at(step)
        return {**said, "coinbase": (said["coinbase"] or 0) + 4 * 10**8} if step == 5 else said

    there = database(tmp_path / "there.sqlite", rows(80, other))
    comparison = told("--db", str(held), "--against", str(there), "--to", at(30))

    [difference] = comparison["differences"]
    assert START + 5 * STEP_MS == difference["close_at_ms"]
    [why] = difference["why"]
    assert why.startswith("coinbase told 60,040 here")
    assert "29 alike to the bit, 1 differ" in shown("--db", str(held), "--against", str(there), "--to", at(30))


def test_a_correction_shows_what_was_said_before(tmp_path):
    first = rows(4)
    again = replace(rows(4, lambda step: {**told_at(step), "liar": None})[3], revision=1)
    path = database(tmp_path / "corrected.sqlite", [*first, again])

    assert [0, 1] == [one["revision"] for one in told("--db", str(path), "--at", at(3))]
    assert "Revision 0, settled" in shown("--db", str(path), "--at", at(3))


def test_out_of_session_nothing_is_due_and_it_is_said(tmp_path):
    """2025-06-15, when the closes begin, is a Sunday."""
    closes = [replace(row, close_at_ms=UnixMs(row.close_at_ms + 2 * 86_400_000)) for row in rows(4)]
    about = MetaRow("series/BTC-USD", '{"calendar":"fx","rounds":false,"step_ms":300000}')
    path = database(tmp_path / "fx.sqlite", [*rows(1), *closes], meta=[about])

    span = told("--db", str(path), "--from", "2025-06-15", "--to", "2025-06-15T21:00Z")
    assert (0, []) == (span["due"], span["not_held"])
    assert "out of session by the calendar fx" in shown("--db", str(path), "--at", "2025-06-15T18:00Z")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ETH-USD"], "no close of 'ETH-USD'; there are: BTC-USD"),
        (["BTC-USD", "--at", "yesterday"], "--at: 'yesterday' is no instant"),
        (["BTC-USD", "--at", "2025-06-15T15:11Z"], "lie on whole steps of 5 min"),
        (["BTC-USD", "--at", "2025-06-14"], "holds BTC-USD from 2025-06-15T15:10Z on"),
        (["BTC-USD", "--at", "2026-01-01"], "is not settled yet"),
        (["BTC-USD", "--at", at(20)], "nothing is held of BTC-USD at"),
        (["BTC-USD", "--at", at(20), "--to", at(21)], "give one or the other"),
        (["BTC-USD", "--from", at(21), "--to", at(20)], "--from is after --to"),
    ],
)
def test_what_cannot_be_shown_is_said_in_a_sentence(held, arguments, said):
    ran = augury("prices", *arguments, "--db", str(held))

    assert 2 == ran.exit_code
    assert said in " ".join(ran.output.split())


def test_closes_whose_evidence_tells_of_no_venue_are_shown_without_one(sample):
    span = sample.json("prices", "BTC-USD", "--from", "2025-06-15")

    assert span["agreed"] > 100
    assert [] == span["venues"]


@pytest.mark.parametrize(
    "text", ["1750000200000", "2025-06-15T15:10Z", "2025-06-15T15:10", "2025-06-15 15:10:00", "2025-06-15T17:10+02:00"]
)
def test_an_instant_is_read_as_people_write_it(text):
    assert START == read_instant(text, setting="at")


def test_what_is_no_instant_is_refused():
    with pytest.raises(InvalidSetting, match="--from"):
        read_instant("12:00", setting="from")
