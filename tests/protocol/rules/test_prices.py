"""Agreement of closes: what liars, gaps, frozen feeds and basis can and cannot do."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.params import TruthParams
from protocol.rules.price_history import PriceHistory, Reported, median
from protocol.rules.prices import PAR, PriceReport, Reason, Verdict, agree_close, remember
from protocol.units import NANO
from tests.support.recordings import load_closes_e8, recordings_or_skip

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "prices.json").read_text())
STEP = 300_000
PARAMS = TruthParams(basis_window_steps=32)
EMPTY = PriceHistory(STEP, PARAMS)
BTC = 60_000 * 10**8
BP = BTC // 10_000

prices = st.integers(BTC // 2, BTC * 2)
honest_prices = st.integers(BTC - 30 * BP, BTC + 30 * BP)


def reports(*closes_e8, **by_venue):
    """One report a venue, named v0, v1, ... or by keyword."""
    named = {f"v{i}": close for i, close in enumerate(closes_e8)} | by_venue
    return [PriceReport(venue, close, 1_000) for venue, close in named.items()]


def lived_history(venues=5, steps=40, seed=1, bases_bp=(0, 4, -4, 1, 22), params=PARAMS):
    """A history of venues around a moving price, each with its own basis."""
    rng = np.random.default_rng(seed)
    history, true = PriceHistory(STEP, params), float(BTC)
    for t in range(steps):
        true *= 1 + 0.0006 * rng.standard_normal()
        closes = [round(true * (1 + basis / 10_000 + 1e-5 * rng.standard_normal())) for basis in bases_bp[:venues]]
        history = remember(history, t * STEP, agree_close(reports(*closes), history))
    return history


LIVED = lived_history()


def verdicts(agreement):
    return {v.venue: v.verdict for v in agreement.verdicts}


def test_every_step_matches_the_vectors():
    params = TruthParams(basis_window_steps=VECTORS["window_steps"])
    history = PriceHistory(VECTORS["step_ms"], params)
    for step in VECTORS["steps"]:
        told = [PriceReport(venue, close, 1_000, rate) for venue, (close, rate) in step["reports"].items()]
        agreement = agree_close(told, history)
        found = verdicts(agreement)
        seen = {
            "close_e8": agreement.close_e8,
            "reason": agreement.reason,
            "stale": sorted(v for v in found if found[v] is Verdict.STALE),
            "outliers": sorted(v for v in found if found[v] is Verdict.OUTLIER),
        }
        assert {name: step[name] for name in seen} == seen, f"at {step['at_ms']} ms"
        history = remember(history, step["at_ms"], agreement)


def test_three_reports_give_their_median_and_four_the_mean_of_the_middle_two():
    assert BTC == agree_close(reports(BTC, BTC + 1, BTC - 9 * BP), EMPTY).close_e8
    assert BTC + 2 == agree_close(reports(BTC, BTC + 3, BTC - BP, BTC + BP), EMPTY).close_e8


def test_two_reports_agree_within_25_basis_points_and_not_beyond():
    within = agree_close(reports(BTC, BTC + 25 * BP), EMPTY)
    beyond = agree_close(reports(BTC, BTC + 25 * BP + 1), EMPTY)

    assert (BTC + 25 * BP // 2, Reason.ALL_WITHIN) == (within.close_e8, within.reason)
    assert (None, Reason.DISAGREE) == (beyond.close_e8, beyond.reason)


@pytest.mark.parametrize("closes", [(), (BTC,)])
def test_too_few_reports_leave_the_close_missing(closes):
    agreement = agree_close(reports(*closes), EMPTY)

    assert (None, Reason.TOO_FEW) == (agreement.close_e8, agreement.reason)


def test_as_many_reports_as_liars_are_never_enough():
    wary = replace(EMPTY, truth=replace(PARAMS, tolerated_liars=2))

    assert Reason.TOO_FEW == agree_close(reports(BTC, BTC), wary).reason
    assert Reason.ALL_WITHIN == agree_close(reports(BTC, BTC, BTC), wary).reason


@given(st.lists(prices, min_size=1, max_size=7), st.randoms(use_true_random=False), st.sampled_from([EMPTY, LIVED]))
@settings(max_examples=100, deadline=None)
def test_the_order_of_reports_does_not_matter(closes, shuffle, history):
    shuffled = reports(*closes)
    shuffle.shuffle(shuffled)

    assert agree_close(reports(*closes), history) == agree_close(shuffled, history)


@given(st.data(), st.integers(1, 3), st.sampled_from([EMPTY, LIVED]))
@settings(max_examples=200, deadline=None)
def test_tolerated_liars_never_move_the_median_outside_the_honest_range(data, f, history):
    honest = data.draw(st.lists(honest_prices, min_size=f + 1, max_size=7))
    lies = data.draw(st.lists(prices | st.sampled_from([1, 10**18]), min_size=f, max_size=f))
    wary = replace(history, truth=replace(PARAMS, tolerated_liars=f))
    agreement = agree_close(reports(*honest, **{f"liar{i}": lie for i, lie in enumerate(lies)}), wary)
    adjusted = [v.adjusted_e8 for v in agreement.verdicts if v.venue.startswith("v") and v.adjusted_e8 is not None]

    if agreement.reason is Reason.MEDIAN:
        assert min(adjusted) <= agreement.close_e8 <= max(adjusted)
    elif agreement.close_e8 is not None:
        nearest = min(adjusted, key=lambda price: abs(price - agreement.close_e8))
        assert abs(nearest - agreement.close_e8) * 10_000 <= 25 * nearest


@given(st.integers(BTC - 12 * BP, BTC + 12 * BP), prices)
@settings(max_examples=100, deadline=None)
def test_beside_one_honest_report_a_liar_can_make_the_close_missing_but_not_wrong(honest, lie):
    agreed = agree_close(reports(honest, lie), EMPTY).close_e8

    assert agreed is None or abs(agreed - honest) * 10_000 <= 25 * honest


def test_a_wild_report_is_an_outlier_by_the_scale_of_earlier_closes():
    agreement = agree_close(reports(BTC, BTC + 4 * BP, BTC * 11 // 10), LIVED)

    assert Verdict.OUTLIER == verdicts(agreement)["v2"]
    assert Reason.ALL_WITHIN == agreement.reason


def test_a_crowd_of_wild_reports_does_not_widen_the_scale_that_judges_them():
    """The limit comes from history alone: a second wild report leaves the verdict on the first as it was."""
    quiet = [BTC, BTC + 4 * BP, BTC - 4 * BP, BTC + BP]

    one = agree_close(reports(*quiet, x=BTC * 2), LIVED)
    two = agree_close(reports(*quiet, x=BTC * 2, y=BTC * 50), LIVED)
    assert Verdict.OUTLIER == verdicts(one)["x"] == verdicts(two)["x"] == verdicts(two)["y"]


def test_without_history_nobody_is_an_outlier():
    found = verdicts(agree_close(reports(BTC, BTC, BTC * 11 // 10), EMPTY))

    assert {Verdict.COUNTED} == set(found.values())


def test_a_known_basis_is_removed_before_prices_are_compared():
    """Venue v4 stands 22 bp above the others: alone with v0 it agrees exactly, for its basis is known."""
    agreement = agree_close(reports(v0=BTC, v4=BTC + 30 * BP), LIVED)

    assert Reason.DISAGREE == agree_close(reports(v0=BTC, v4=BTC + 30 * BP), EMPTY).reason
    assert Reason.ALL_WITHIN == agreement.reason


def test_a_liar_that_leans_on_every_median_for_long_does_not_drag_the_level_away():
    """It climbs half a basis point a step, ahead of the basis it is credited with, so that it is always the highest:
    it may choose the higher honest price each time, and no more."""
    rng = np.random.default_rng(4)
    history = EMPTY
    for t in range(1_500):
        honest = [BTC + round(BP * x) for x in (rng.standard_normal(), 2 + rng.standard_normal())]
        agreement = agree_close(reports(*honest, liar=BTC + t * BP // 2), history)
        history = remember(history, t * STEP, agreement)

    assert abs(agreement.close_e8 - BTC) < 8 * BP


def test_a_venue_that_stands_still_while_the_market_moves_is_stale_and_teaches_nothing():
    history, frozen = LIVED, BTC
    for t in range(40, 60):
        closes = [BTC + (t - 40) * 20 * BP + i for i in range(3)]
        agreement = agree_close(reports(*closes, v3=frozen), history)
        history = remember(history, t * STEP, agreement)

    assert Verdict.STALE == verdicts(agreement)["v3"]
    assert abs(LIVED.lessons().bases["v3"] - history.lessons().bases["v3"]) < 10 * NANO // 10_000


def test_a_market_that_stands_still_makes_nobody_stale():
    history = LIVED
    for t in range(40, 50):
        agreement = agree_close(reports(BTC, BTC, BTC), history)
        history = remember(history, t * STEP, agreement)

    assert {Verdict.COUNTED} == set(verdicts(agreement).values())


def test_a_pegged_currency_that_stands_still_is_not_stale():
    """A tether moves by a fraction of a basis point: a venue whose last trade is an hour old is still right."""
    rng, peg, history = np.random.default_rng(3), 10**8, EMPTY
    for t in range(60):
        moving = [peg + int(rng.integers(-9_000, 9_000)) for _ in range(2)]
        agreement = agree_close(reports(*moving, v2=peg), history)
        history = remember(history, t * STEP, agreement)
        assert Verdict.COUNTED == verdicts(agreement)["v2"]


def test_the_latest_report_of_a_venue_counts():
    early, late = PriceReport("v0", BTC * 2, 1), PriceReport("v0", BTC, 2)
    agreement = agree_close([late, early, *reports(v1=BTC, v2=BTC)], EMPTY)

    assert BTC == agreement.close_e8
    assert Verdict.SUPERSEDED in {v.verdict for v in agreement.verdicts if v.venue == "v0"}


def test_a_venue_that_contradicts_itself_at_one_instant_does_not_count_and_one_that_repeats_itself_counts_once():
    twice = [PriceReport("v0", BTC, 1), PriceReport("v0", BTC + 1, 1)]

    assert Reason.TOO_FEW == agree_close([*twice, *reports(v1=BTC)], EMPTY).reason
    assert Reason.TOO_FEW == agree_close([PriceReport("v0", BTC, 1)] * 2, EMPTY).reason


@pytest.mark.parametrize("nonsense", [0, -BTC])
def test_what_is_no_price_is_refused(nonsense):
    agreement = agree_close(reports(BTC, BTC + 1, nonsense), EMPTY)

    assert Verdict.NOT_A_PRICE == verdicts(agreement)["v2"]
    assert Reason.ALL_WITHIN == agreement.reason


# --- venues that quote in another currency


def test_a_venue_in_another_currency_counts_at_the_agreed_rate():
    """A tether worth 0.97: three venues in it stand 3% above the dollar venues, and agree with them when converted."""
    tethers = [PriceReport(f"usdt{i}", BTC * 100 // 97 + i * BP, 1_000, 97_000_000) for i in range(2)]
    agreement = agree_close([*reports(BTC, BTC + BP), *tethers], EMPTY)

    assert {Verdict.COUNTED} == set(verdicts(agreement).values())
    assert BTC <= agreement.close_e8 <= BTC + BP


def test_without_an_agreed_rate_a_venue_in_another_currency_does_not_count():
    lost = PriceReport("usdt", BTC, 1_000, None)
    agreement = agree_close([*reports(BTC, BTC), lost], EMPTY)

    assert Verdict.NO_RATE == verdicts(agreement)["usdt"]
    assert Reason.ALL_WITHIN == agreement.reason


@given(prices, st.integers(10**6, 10**10))
@settings(max_examples=50, deadline=None)
def test_what_a_price_is_worth_is_price_times_rate_to_the_nearest(close, rate):
    (verdict,) = agree_close([PriceReport("v", close, 1, rate)], EMPTY).verdicts

    assert abs(verdict.worth_e8 * 10**8 - close * rate) <= 10**8 // 2


def test_a_frozen_venue_in_another_currency_is_stale_though_its_rate_moves():
    history, verdict = LIVED, None
    for t in range(40, 46):
        closes = [BTC + (t - 40) * 20 * BP + i for i in range(3)]
        frozen = PriceReport("v3", BTC, 1_000, PAR + t * 1_000)
        agreement = agree_close([*reports(*closes), frozen], history)
        history, verdict = remember(history, t * STEP, agreement), verdicts(agreement)["v3"]

    assert Verdict.STALE == verdict


# --- the history


def test_a_basis_is_the_same_whichever_of_the_others_happen_to_report():
    """Two venues in dollars a percent above three in tethers, of which one is often away: the plain middle jumps
    between the groups, the bases do not."""
    rng = np.random.default_rng(5)
    history, true = EMPTY, float(BTC)
    for t in range(32):
        true *= 1 + 0.0006 * rng.standard_normal()
        venues = {"d0": 1.01, "d1": 1.01, "t0": 1.0, "t1": 1.0} | ({} if t % 8 else {"t2": 1.0})
        agreement = agree_close(reports(**{v: round(true * level) for v, level in venues.items()}), history)
        history = remember(history, t * STEP, agreement)
    bases = history.lessons().bases

    assert abs(bases["t2"] - bases["t0"]) < NANO // 100_000
    assert abs(bases["d0"] - bases["t2"] - 9_950_331) < NANO // 100_000


def test_a_history_does_not_change_when_the_next_is_made_from_it():
    before = lived_history()
    remember(before, 40 * STEP, agree_close(reports(BTC, BTC, BTC), before))

    assert LIVED == before


@given(st.integers(0, 2**32), st.integers(0, 40))
@settings(max_examples=25, deadline=None)
def test_validators_that_started_on_different_days_agree_to_the_bit_two_windows_later(seed, later):
    """Whatever was reported: gaps, liars, frozen venues and missing rates leave no trace beyond the window."""
    rng = np.random.default_rng(seed)
    early = late = PriceHistory(STEP, TruthParams(basis_window_steps=12))
    last = {}
    for t in range(later + 2 * 12 + 10):
        told = {f"v{i}": BTC + int(rng.integers(-60 * BP, 60 * BP)) for i in range(5) if rng.random() < 0.8}
        told |= {venue: last[venue] for venue in told if venue in last and rng.random() < 0.4}
        last |= told
        rates = [None if rng.random() < 0.1 else PAR + int(rng.integers(-(10**6), 10**6)) for _ in told]
        given_now = [PriceReport(v, close, t, rate) for (v, close), rate in zip(told.items(), rates, strict=True)]
        first, second = agree_close(given_now, early), agree_close(given_now, late)
        if t >= later + 2 * 12:
            assert (first, early) == (second, late)
        early = remember(early, t * STEP, first)
        if t >= later:
            late = remember(late, t * STEP, second)


def test_a_silent_venue_is_forgotten_after_a_window():
    history = LIVED
    for t in range(40, 40 + 33):
        history = history.with_reports(t * STEP, {"v0": Reported(BTC, BTC)})

    assert ("v0",) == history.venues


def test_a_move_across_a_missing_close_is_no_step():
    history = PriceHistory(STEP, replace(PARAMS, basis_window_steps=8))
    for t in (0, 2, 4):
        history = remember(history, t * STEP, agree_close(reports(BTC, BTC, BTC + t * BP), history))

    assert history.lessons().move is None
    agreement = agree_close(reports(BTC, BTC, BTC), history)
    assert 0 == remember(history, 5 * STEP, agreement).lessons().move


def test_what_is_known_of_venues_outlasts_a_weekend_without_closes():
    monday = 40 + 3 * 288
    agreement = agree_close(reports(BTC, BTC + 4 * BP, BTC - 4 * BP, BTC + BP, BTC + 22 * BP), LIVED)
    after = remember(LIVED, monday * STEP, agreement)

    assert LIVED.steps[1:] == after.steps[:-1]
    assert LIVED.lessons().bases.keys() == after.lessons().bases.keys()


def test_closes_come_in_time_order():
    with pytest.raises(ValueError, match="time order"):
        LIVED.with_reports(39 * STEP, {})


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=30))
@settings(max_examples=50, deadline=None)
def test_the_median_has_as_many_on_either_side(values):
    middle = median(sorted(values))

    assert sum(v < middle for v in values) <= len(values) / 2
    assert sum(v > middle for v in values) <= len(values) / 2


# --- a real market


@pytest.mark.recordings
def test_five_recorded_venues_agree_through_the_depeg_of_march_2023_and_a_lying_sixth_changes_little():
    folder = recordings_or_skip() / "multi_exchange_2023-03" / "5m"
    names = ("binance_us_spot_BTCUSDT", "coinbase_spot_BTCUSD", "kraken_spot_XBTUSD", "cryptocom_spot_BTCUSD")
    closes = {
        name: load_closes_e8(folder / f"{name}_5m.parquet", step_ms=STEP) for name in (*names, "kucoin_spot_BTCUSDT")
    }
    rng = np.random.default_rng(2)
    history = lied_to = PriceHistory(STEP, TruthParams())
    instants = sorted(closes["coinbase_spot_BTCUSD"])[2_200:4_200]  # 8 to 15 March: calm, the de-peg, the recovery
    reasons, outside, refused = set(), [], 0
    for at_ms in instants:
        honest = {name: series[at_ms] for name, series in closes.items() if at_ms in series}
        agreement = agree_close(reports(**honest), history)
        history = remember(history, at_ms, agreement)
        reasons.add(agreement.reason)

        lie = round(honest["coinbase_spot_BTCUSD"] * rng.choice([0.5, 0.97, 1.0, 1.001, 1.05]))
        beside = agree_close(reports(**honest, liar=lie), lied_to)
        lied_to = remember(lied_to, at_ms, beside)
        told = [v.adjusted_e8 for v in beside.verdicts if v.venue != "liar" and v.adjusted_e8 is not None]
        outside.append(not min(told) <= beside.close_e8 <= max(told))
        refused += Verdict.OUTLIER == verdicts(beside)["liar"]

    assert {Reason.MEDIAN} == reasons
    assert not any(outside)
    assert refused > len(instants) / 2
