"""What streams follow from new values: z-scores of each, z-curves of every pair and triple of a set.

A set of streams published together (`cset`) has percentiles at every horizon; each derived stream holds those of one to
three of them at the delay that its name says, and is then a stream like any other, except that nothing follows from it.
The original's rules are `derived_values_2021`: there a z-stream holds the percentile at its place in the list of
z-delays, whatever its name says, and one value on an edge loses the whole set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Final

from protocol.errors import InvalidRequest
from protocol.rules.exact import round_div
from protocol.rules.percentiles import UNKNOWN_2021, parity_index, z_score_nano
from protocol.rules.stream_names import check_plain_name, stem, zcurve_name
from protocol.rules.zcurve import to_zcurve, zcurve_nano
from protocol.units import Micros, Nano

BUDGET_SHARE: Final = 10
"""A derived stream has a tenth of the mean budget of its streams."""
MAX_SET: Final = 200
LEGIT_2021: Final = 1e-5


@dataclass(frozen=True, slots=True)
class DerivationRule:
    """Which streams follow from a set. Delays in seconds; pairs and triples only of sets up to so many streams."""

    z_delays: tuple[int, ...]
    pairs_up_to: int
    triples_up_to: int

    def selections(self, streams: int, *, with_copulas: bool) -> Iterator[tuple[int, ...]]:
        """Every single place of a set, then its pairs and triples where it is small enough."""
        yield from combinations(range(streams), 1)
        if with_copulas and streams <= self.pairs_up_to:
            yield from combinations(range(streams), 2)
        if with_copulas and streams <= self.triples_up_to:
            yield from combinations(range(streams), 3)


NETWORK: Final = DerivationRule(z_delays=(70, 3555), pairs_up_to=10, triples_up_to=10)
RULE_2021: Final = DerivationRule(z_delays=(70, 3555), pairs_up_to=10, triples_up_to=10)
RULE_2023: Final = DerivationRule(z_delays=(3555,), pairs_up_to=12, triples_up_to=5)


@dataclass(frozen=True, slots=True)
class DerivedValue:
    """A value that follows: of which derived stream, from which streams in the order of its cells, and its budget."""

    name: str
    streams: tuple[str, ...]
    delay: int
    z_nano: Nano
    budget_micros: Micros


def derived_values(
    percentiles: Mapping[str, Mapping[int, Fraction]],
    budgets_micros: Mapping[str, Micros],
    *,
    with_copulas: bool,
    rule: DerivationRule = NETWORK,
) -> list[DerivedValue]:
    """The values that follow when these streams get new ones, by delay, then by number of streams, then by name.

    percentiles: of each plain name, by delay, as `percentiles` has them; where a stream has none at a delay (nobody
    predicts it there), nothing that needs it follows, and everything else does. The lowest bit of a curve is the stream
    that comes first in its name, whatever order they are given in.
    Raises InvalidRequest (theirs) for a name that is not plain, and for a set of more than 200.
    """
    if len(percentiles) > MAX_SET:
        raise InvalidRequest(f"a set has at most {MAX_SET} streams", field="names", limit=MAX_SET)
    names = sorted((check_plain_name(name) for name in percentiles), key=stem)
    found = []
    for delay in rule.z_delays:
        for places in rule.selections(len(names), with_copulas=with_copulas):
            streams = tuple(names[place] for place in places)
            known = [percentiles[name][delay] for name in streams if delay in percentiles[name]]
            if len(known) == len(streams):
                z_nano = z_score_nano(known[0]) if len(known) == 1 else zcurve_nano(known)
                budget = derived_budget_micros([budgets_micros[name] for name in streams])
                found.append(DerivedValue(zcurve_name(streams, delay), streams, delay, z_nano, budget))
    return found


def derived_budget_micros(budgets_micros: Sequence[Micros]) -> Micros:
    """The budget of a derived stream: the sum of its streams' / (10 n), half to even."""
    return Micros(round_div(sum(budgets_micros), BUDGET_SHARE * len(budgets_micros)))


def derived_values_2021(
    names: Sequence[str],
    prctls: Sequence[Sequence[float]],
    budgets: Sequence[float],
    *,
    with_copulas: bool,
    somebody_near: bool = True,
    rule: DerivationRule = RULE_2021,
) -> list[tuple[str, float, float]]:
    """What the original publishes when a set gets new values: (derived name, z-score, budget), in its order.

    names: in the order of the call, which is that of a curve's cells too.  prctls: of each name, one a horizon.
    somebody_near: whether anybody was near the last stream's last horizon; the original asks no other.
    rule: RULE_2021 or RULE_2023.
    Raises StatisticsError, as it does, when one of the curves is on its edge; then nothing is published.
    """
    found: list[tuple[str, float, float]] = []
    for delay in rule.z_delays if somebody_near else ():
        held = [of_one[parity_index(rule.z_delays, delay)] for of_one in prctls]
        if all(abs(p - UNKNOWN_2021) < LEGIT_2021 for p in held):
            continue
        for places in rule.selections(len(names), with_copulas=with_copulas):
            budget = sum(budgets[place] for place in places) / (BUDGET_SHARE * len(places))
            name = zcurve_name([names[place] for place in places], delay)
            found.append((name, to_zcurve([held[place] for place in places]), budget))
    return found
