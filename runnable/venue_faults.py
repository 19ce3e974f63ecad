"""What a validator's market does about each way a venue can misbehave: a table, and that no close came out wrong.

    python runnable/venue_faults.py --candles BINANCE BYBIT COINBASE KRAKEN OKX
    python runnable/venue_faults.py --only lies,hangs

Five stand-in exchanges serve five venues' candles over HTTP, each in its own exchange's words, to the clients that a
validator uses; after a healthy day some of them misbehave for 110 closes, which settles ten rounds. The closes are
compared with those of the same day without the fault. Without --candles the market is generated, and so labelled.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from neurons.clock import HandClock
from neurons.entropy import SystemEntropy
from neurons.market.evidence import no_history
from neurons.market.faults import Faults
from neurons.market.generated import GeneratedMarket, MarketShape, VenueShape
from neurons.market.guard import GuardedVenue
from neurons.market.recorded import read_recording
from neurons.market.server import PriceServer
from neurons.market.settling import AgreedClose, SettleRules
from neurons.market.sources import CandleSource
from neurons.market.venues import LiveVenue
from neurons.market.watch import MarketWatch, WatchSettings
from neurons.ports import VenueUnavailable
from protocol.errors import InvalidSetting
from protocol.params import MAIN
from protocol.rules.prices import Verdict
from protocol.units import DAY_MS, HOUR_MS, MINUTE_MS
from runnable.plain_errors import run_plainly

EXCHANGES: Final = (("binance", "USDT"), ("bybit", "USDT"), ("coinbase", "USD"), ("kraken", "USD"), ("okx", "USDT"))
RULES: Final = SettleRules.of(MAIN)
STEPS: Final = 110
ROUNDS: Final = STEPS - MAIN.time.steps
SEED: Final = 5
HANGING_S: Final = 0.5
"""Wall time until a call is given up: in life it is ten seconds."""


@dataclass(frozen=True)
class Trial:
    """One way to misbehave, and how many of the five venues do, the first ones."""

    name: str
    faults: Faults
    venues: int = 1


def trials(at_ms: int) -> list[Trial]:
    """Every fault of the stand-in exchange from the instant `at_ms` on, and some of several venues at once."""
    half_way = at_ms + STEPS * RULES.step_ms // 2
    return [
        Trial("nothing wrong", Faults(), 0),
        Trial("hangs", Faults(hang=True)),
        Trial("answers after 50 ms", Faults(latency_ms=50)),
        Trial("429, Retry-After 20 min", Faults(status=429, retry_after_s=1_200)),
        Trial("418 (banned)", Faults(status=418)),
        Trial("451 (geo-blocked)", Faults(status=451)),
        Trial("502", Faults(status=502)),
        Trial("resets connections", Faults(reset=True)),
        Trial("closes connections", Faults(disconnect=True)),
        Trial("truncated JSON", Faults(malformed=True)),
        Trial("another market's candles", Faults(wrong_symbol=True)),
        Trial("lies by 20 bp", Faults(lie_bp=20)),
        Trial("lies by 8%", Faults(lie_bp=-800)),
        Trial("not a number", Faults(junk_field="NaN")),
        Trial("frozen market", Faults(frozen_at_ms=at_ms)),
        Trial("shows the market of 3 h ago", Faults(rewind_ms=3 * HOUR_MS)),
        Trial("repeats its last candle", Faults(repeat_last=True)),
        Trial("copies the candle before", Faults(copy_last=True)),
        Trial("clock 20 min ahead", Faults(clock_shift_ms=20 * MINUTE_MS)),
        Trial("clock 20 min behind", Faults(clock_shift_ms=-20 * MINUTE_MS)),
        Trial("a gap of 3 h", Faults(gap_from_ms=at_ms, gap_to_ms=at_ms + 3 * HOUR_MS)),
        Trial(
            "revises a final candle by 1%",
            Faults(revised_open_ms=at_ms + 5 * RULES.step_ms, revised_from_ms=half_way, revised_bp=100),
        ),
        Trial("two venues hang", Faults(hang=True), 2),
        Trial("three venues hang", Faults(hang=True), 3),
        Trial("three venues in a gap of 3 h", Faults(gap_from_ms=at_ms, gap_to_ms=at_ms + 3 * HOUR_MS), 3),
        Trial("four venues answer 502", Faults(status=502), 4),
        Trial("all five are unreachable for 3 h", Faults(reset=True), 5),
    ]


@dataclass
class Outcome:
    """What came out of one trial. Distances in basis points of the close without the fault."""

    trial: Trial
    problems: Counter[str]
    verdicts: Counter[str]
    """Of the misbehaving venues' closes when they were first settled."""
    revisions: int
    agreed: int
    missing: int
    wrong: int
    """Closes, each correction a close too, that lie beyond what true reports said of them (see `is_wrong`)."""
    farthest_bp: float
    """From the close of the trial without a fault."""
    void: int
    """Rounds of the ten with under nine tenths of their steps agreed."""


@asynccontextmanager
async def exchanges(
    sources: Sequence[CandleSource], clock: HandClock
) -> AsyncIterator[tuple[list[PriceServer], list[GuardedVenue]]]:
    """The five servers, and the clients that a validator asks them with."""
    async with AsyncExitStack() as stack:
        servers, venues = [], []
        for (exchange, quote), source in zip(EXCHANGES, sources, strict=True):
            server = await stack.enter_async_context(PriceServer(source, clock, dialect=exchange, quote=quote))
            live = LiveVenue(
                exchange,
                exchange=exchange,
                symbol=f"BTC/{quote}",
                base_url=server.url,
                timeout_s=5.0,
                clock=clock,
            )
            guarded = GuardedVenue(live, clock, SystemEntropy())
            stack.push_async_callback(guarded.aclose)
            servers.append(server)
            venues.append(guarded)
        yield servers, venues


async def closes_of(
    sources: Sequence[CandleSource], trial: Trial, at_ms: int, *, steps: int = STEPS
) -> tuple[list[AgreedClose], MarketWatch]:
    """A healthy day before `at_ms`, `steps` closes with the fault, and the hours in which all is well again."""
    clock = HandClock(at_ms + RULES.settle_delay_ms)
    delivered: list[AgreedClose] = []

    async def deliver(close: AgreedClose) -> None:
        delivered.append(close)

    async with exchanges(sources, clock) as (servers, venues):
        deadline_s = HANGING_S if trial.faults.hang else 5.0
        watch = MarketWatch(
            venues,
            clock,
            RULES,
            next_close_ms=at_ms - DAY_MS,
            history=no_history(MAIN),
            reach_ms=2 * DAY_MS,
            settings=WatchSettings(deadline_ms=int(deadline_s / clock.wall_seconds(1))),
        )
        await watch.catch_up(deliver)
        for server in servers[: trial.venues]:
            server.faults = trial.faults
        lasting = 36 if trial.venues == len(servers) else STEPS
        for step in range(steps):
            if step == lasting:
                for server in servers:
                    server.faults = Faults()
            clock.at_ms += RULES.step_ms
            await watch.catch_up(deliver)
        for server in servers:
            if not trial.faults.revised_bp:
                server.faults = Faults()
        for _ in range(3):
            clock.at_ms += RULES.give_up_ms
            await watch.catch_up(deliver)
        for venue in venues:
            try:
                await watch.correct(venue.name, deliver)
            except VenueUnavailable as error:
                raise AssertionError(f"{venue.name} is well again and does not answer") from error
    return [close for close in delivered if at_ms < close.close_at_ms <= at_ms + steps * RULES.step_ms], watch


def outcome_of(
    trial: Trial, closes: Sequence[AgreedClose], honest: Mapping[int, AgreedClose], watch: MarketWatch
) -> Outcome:
    """Compares a trial's closes, the newest revision of each, with those of the trial without a fault."""
    newest = {close.close_at_ms: close for close in closes}
    first = [close for close in closes if close.revision == 0]
    bad = [name for name, _ in EXCHANGES[: trial.venues]]
    problems: Counter[str] = Counter()
    for name in bad:
        problems += Counter({problem.value: count for problem, count in watch.health[name].problems.items()})
    verdicts = Counter(v.verdict.value for c in first for v in c.agreement.verdicts if v.venue in bad) + Counter(
        why.value for c in first for name, why in c.absent.items() if name in bad
    )
    agreed = {at: close.close_e8 for at, close in newest.items() if close.close_e8 is not None}
    wrong = sum(is_wrong(close, honest[close.close_at_ms]) for close in closes)
    apart = [
        abs(close.close_e8 / told - 1) * 10_000
        for close in closes
        if close.close_e8 is not None and (told := honest[close.close_at_ms].close_e8)
    ]
    farthest = max(apart, default=0.0)
    instants = sorted(honest)
    void = sum(
        sum(at in agreed for at in instants[first : first + MAIN.time.steps]) * 10 < MAIN.time.steps * 9
        for first in range(ROUNDS)
    )
    revisions = sum(close.revision > 0 for close in closes)
    missing = len(honest) - len(agreed)
    return Outcome(trial, problems, verdicts, revisions, len(agreed), missing, wrong, farthest, void)


def is_wrong(close: AgreedClose, true: AgreedClose) -> bool:
    """Whether the close lies where no venue that told the truth put it: the bound of `protocol/rules/prices.py`.

    true: the same close without the fault, whose reports say what each venue's candle really was.
    """
    if close.close_e8 is None:
        return False
    told = {report.venue: report.close_e8 for report in true.reports}
    counted = [v for v in close.agreement.verdicts if v.verdict is Verdict.COUNTED and v.adjusted_e8]
    honest = [v.adjusted_e8 for v in counted if v.close_e8 == told.get(v.venue) and v.adjusted_e8]
    if not honest:
        return True
    few = len(counted) <= 2 * MAIN.truth.tolerated_liars
    margin = min(honest) * MAIN.truth.close_agreement_bp // 10_000 if few else 0
    return not min(honest) - margin <= close.close_e8 <= max(honest) + margin


COLUMNS: Final = ("fault", "its client said", "its closes", "agreed", "revised", "farthest bp", "rounds void", "wrong")


def cells_of(outcome: Outcome) -> list[str]:
    """One row of the table."""
    return [
        outcome.trial.name,
        _listed(outcome.problems),
        _listed(outcome.verdicts),
        f"{outcome.agreed} of {outcome.agreed + outcome.missing}",
        str(outcome.revisions),
        f"{outcome.farthest_bp:.2f}",
        f"{outcome.void} of {ROUNDS}",
        str(outcome.wrong or "none"),
    ]


def table_of(outcomes: Sequence[Outcome], label: str) -> Table:
    """For people."""
    title = f"Five venues ({label}), {STEPS} closes, {ROUNDS} rounds of {MAIN.time.steps} closes"
    table = Table(title=title)
    for name in COLUMNS:
        table.add_column(name, overflow="fold", justify="left" if name in COLUMNS[:3] else "right")
    for outcome in outcomes:
        table.add_row(*cells_of(outcome))
    return table


def markdown_of(outcomes: Sequence[Outcome]) -> str:
    """The same table for the documentation."""
    rows = [COLUMNS, ["---"] * 3 + ["---:"] * 5, *(cells_of(outcome) for outcome in outcomes)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common())


def market_of(candles: Sequence[Path]) -> tuple[str, list[CandleSource], int]:
    """The five venues' candles, what to call them, and the instant at which the faults begin.

    Raises InvalidSetting for another number of files, BadRecording for a broken one.
    """
    if not candles:
        shapes = tuple(
            VenueShape(f"gen-{name}", basis_bp=basis)
            for (name, _), basis in zip(EXCHANGES, (0, 1, 4, 2, -1), strict=True)
        )
        shape = MarketShape(seed=SEED, venues=shapes)
        return shape.label, list(GeneratedMarket(shape).sources()), shape.origin_ms + 3 * DAY_MS
    if len(candles) != len(EXCHANGES):
        raise InvalidSetting(f"five files, for {', '.join(name for name, _ in EXCHANGES)}", setting="candles")
    sources = [read_recording(path) for path in candles]
    begins = max(source.first_ms for source in sources)
    return "recorded", list(sources), begins - begins % DAY_MS + 2 * DAY_MS


def try_faults(
    candles: Annotated[list[Path] | None, typer.Option(help="Five Parquet files of one market, in order.")] = None,
    only: Annotated[str, typer.Option(help="Only trials whose name holds one of these, after `nothing wrong`.")] = "",
    markdown: Annotated[bool, typer.Option(help="Print the table as Markdown.")] = False,
) -> None:
    """Tries every fault and prints what came of it. Exits with 1 when any close came out wrong."""
    label, sources, at_ms = market_of(candles or [])
    chosen = [t for t in trials(at_ms) if not only or not t.venues or any(o in t.name for o in only.split(","))]
    outcomes: list[Outcome] = []
    honest: dict[int, AgreedClose] = {}
    for trial in track(chosen, "faults", console=Console(stderr=True)):
        closes, watch = asyncio.run(closes_of(sources, trial, at_ms))
        honest = honest or {close.close_at_ms: close for close in closes}
        outcomes.append(outcome_of(trial, closes, honest, watch))
    if markdown:
        print(markdown_of(outcomes))
    else:
        Console().print(table_of(outcomes, label))
    raise typer.Exit(1 if any(o.wrong for o in outcomes) else 0)


if __name__ == "__main__":
    run_plainly(lambda: typer.run(try_faults))
