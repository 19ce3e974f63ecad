"""The table of venue faults: what a lie, a refusal and a revision come to, and what counts as wrong."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from neurons.market.evidence import no_history
from neurons.market.settling import AgreedClose
from protocol.params import MAIN
from protocol.rules.prices import PriceReport, agree_close
from protocol.units import PriceE8
from runnable.venue_faults import Outcome, closes_of, is_wrong, market_of, outcome_of, trials


def outcomes_of(*names: str, steps: int) -> list[Outcome]:
    _, sources, at_ms = market_of([])
    chosen = {trial.name: trial for trial in trials(at_ms)}
    honest: dict[int, AgreedClose] = {}
    outcomes = []
    for name in ("nothing wrong", *names):
        closes, watch = asyncio.run(closes_of(sources, chosen[name], at_ms, steps=steps))
        honest = honest or {close.close_at_ms: close for close in closes}
        outcomes.append(outcome_of(chosen[name], closes, honest, watch))
    return outcomes


def test_a_fault_of_one_venue_leaves_every_close_agreed_and_right():
    healthy, lying, refusing = outcomes_of("lies by 8%", "429, Retry-After 20 min", steps=12)

    assert [(12, 0, 0)] * 3 == [(o.agreed, o.missing, o.wrong) for o in (healthy, lying, refusing)]
    assert 0.0 == healthy.farthest_bp < lying.farthest_bp < 20
    assert 0 < refusing.problems["rate-limited"] < refusing.problems["circuit-open"]
    assert 12 == refusing.verdicts["silent"]


def test_with_four_venues_down_closes_wait_for_two_hours_and_are_then_missing_but_never_wrong():
    _, shortly = outcomes_of("four venues answer 502", steps=4)
    _, long = outcomes_of("four venues answer 502", steps=30)

    assert (4, 0, 0) == (shortly.agreed, shortly.missing, shortly.wrong)
    assert (30, 0) == (long.agreed + long.missing, long.wrong)
    assert long.missing > 4


def test_a_close_that_no_true_report_supports_is_wrong():
    _, sources, at_ms = market_of([])
    trial = trials(at_ms)[0]
    (true,), _ = asyncio.run(closes_of(sources, trial, at_ms, steps=1))
    lies = tuple(
        PriceReport(r.venue, PriceE8(r.close_e8 * 2), r.received_at_ms) if place < 3 else r
        for place, r in enumerate(true.reports)
    )
    misled = replace(true, reports=lies, agreement=agree_close(lies, no_history(MAIN)))

    assert not is_wrong(true, true)
    assert is_wrong(misled, true)
