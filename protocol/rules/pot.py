"""Settlement of open streams: one value meets everybody's scenarios, and points change hands, to the micro-unit.

    owners, scenarios, value --settle(rule=...)--> Settlement: a micro amount an owner, summing to zero with the rest

| rule | who is paid | sums to zero |
|---|---|---|
| `micro` | the share of scenarios near the value, either side, in windows that follow the recent spread | always |
| `logpool` | the log score against the pool's mean: saying what one believes earns most (decision 0090) | always |
| `micro2021` | as microprediction in September 2021: above the value only, fixed windows, at most 10 | with a reserve |
| `micro2023` | as from December 2022: at most 50, and a subsidy for everybody | with the subsidy |

Everybody stakes one budget, in every rule. A new rule is a new name in RULES: what a name means never changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protocol.errors import InvalidRequest
from protocol.rules.pot_parity import MICRO2021, MICRO2023, ParityRule, parity_amounts
from protocol.rules.pot_scores import (
    Reach,
    best_points_nano,
    crps_nano,
    log_points_nano,
    log_scores_nano,
    worst_points_nano,
)
from protocol.rules.scenarios import Pool, gather, settled_value
from protocol.units import MICRO, Micros, Nano

DEFAULT_RULE: Final = "micro"
MAX_BUDGET_MICROS: Final = 10_000 * MICRO
MAX_OWNERS: Final = 10_000

WINDOW_SPREADS: Final = (0.01, 0.1, 1.0, 10.0)
"""Total widths of `micro`'s windows, in recent spreads."""
ENOUGH: Final = 10
"""Scenarios that make a window of `micro` count: below, the next wider one is taken."""

SETTLED: Final = "settled"
NOBODY_TO_PLAY_WITH: Final = "fewer than two owners"
NOBODY_NEAR: Final = "nobody near the value"
NO_SPREAD: Final = "the stream has no recent spread yet"


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one value moved, at one horizon of one stream.

    owners: ascending.  amounts_micros: each owner's, in their order; with reserve_micros (a carry-over of 2021) and
    subsidy_micros (0 or below: what 2023 gave away) they sum to zero, or this is not built.
    window: the total width in which the winners lie, 0.0 for a rule without one.  winners: their scenarios in it.
    crps_nano, log_score_nano: recorded, whatever the rule pays by (see `pot_scores`); no log scores without a spread.
    """

    rule: str
    value: float
    owners: tuple[str, ...]
    amounts_micros: tuple[Micros, ...]
    reserve_micros: Micros
    subsidy_micros: Micros
    reason: str
    window: float
    winners: int
    count: int
    budget_micros: Micros
    crps_nano: tuple[Nano, ...]
    log_score_nano: tuple[Nano, ...] | None

    def __post_init__(self) -> None:
        left = sum(self.amounts_micros) + self.reserve_micros + self.subsidy_micros
        if left != 0:
            raise ValueError(f"a settlement by {self.rule} does not sum to zero: {left} micros")

    @property
    def mass(self) -> float:
        """The part of all scenarios that won, as transactions show it."""
        return self.winners / (len(self.owners) * self.count) if self.owners else 0.0

    @property
    def density(self) -> float:
        """mass by unit of the stream, as transactions show it; 0.0 for a rule without a window."""
        return self.mass / self.window if self.window else 0.0

    @property
    def break_even(self) -> float:
        """How many winners an owner needs to keep its stake: the mean."""
        return self.winners / len(self.owners) if self.owners else 0.0


class Split(NamedTuple):
    """What a rule decides: whole micros that sum to zero, and how."""

    amounts_micros: Sequence[int]
    reserve_micros: int
    subsidy_micros: int
    reason: str
    window: float
    winners: int


@dataclass(frozen=True, slots=True)
class Terms:
    """What a rule is given beside the pool and the value."""

    budget_micros: Micros
    spread: float | None
    points_nano: NDArray[np.int64] | None
    carry_over: bool


def settle(
    owners: Sequence[str],
    scenarios: ArrayLike,
    value: float,
    *,
    rule: str = DEFAULT_RULE,
    budget_micros: int = MICRO,
    spread: float | None = None,
    carry_over: bool = False,
) -> Settlement:
    """One value against everybody's scenarios.

    owners: hotkeys in hex, or any names; their order does not matter, and equal amounts of rounding go by name.
    scenarios: shape (owners, m), one row an owner (`scenarios.sorted_scenarios`).  budget_micros: 1 to 10**10, what
    everybody stakes.  spread: of the values before this one (`pot_scores.recent_spread`); None before there is any.
    carry_over: see `pot_parity.parity_amounts`; only `micro2021` has it.
    Nothing is paid below two owners. Raises InvalidAnswer (an owner's fault) for scenarios of another shape, not finite
    or beyond 1e300; InvalidRequest (the publisher's or the caller's) for such a value, an unknown rule, or a budget,
    spread or number of owners out of bounds; ValueError (ours) for an owner named twice.
    """
    _rule(rule)
    _check(len(owners), budget_micros, spread)
    value, pool = settled_value(value), gather(owners, scenarios)
    return settle_pool(pool, value, rule=rule, budget_micros=budget_micros, spread=spread, carry_over=carry_over)


def settle_pool(
    pool: Pool,
    value: float,
    *,
    rule: str = DEFAULT_RULE,
    budget_micros: int = MICRO,
    spread: float | None = None,
    carry_over: bool = False,
) -> Settlement:
    """One value against a pool that is gathered already, and a value that `settled_value` has seen; as `settle`.

    Raises InvalidRequest for an unknown rule, and for a budget, spread or number of owners out of bounds.
    """
    decide = _rule(rule)
    _check(len(pool.owners), budget_micros, spread)
    points = None if spread is None else log_points_nano(pool.columns, value, spread)
    terms = Terms(Micros(budget_micros), spread, points, carry_over and rule == "micro2021")
    split = _nothing(pool, NOBODY_TO_PLAY_WITH) if len(pool.owners) < 2 else decide(pool, value, terms)
    return Settlement(
        rule=rule,
        value=value,
        owners=pool.owners,
        amounts_micros=tuple(map(Micros, split.amounts_micros)),
        reserve_micros=Micros(split.reserve_micros),
        subsidy_micros=Micros(split.subsidy_micros),
        reason=split.reason,
        window=split.window,
        winners=split.winners,
        count=pool.count,
        budget_micros=Micros(budget_micros),
        crps_nano=tuple(crps_nano(pool.columns, value)) if pool.owners else (),
        log_score_nano=None if points is None else tuple(log_scores_nano(points, pool.count)),
    )


def _rule(name: str) -> Callable[[Pool, float, Terms], Split]:
    try:
        return RULES[name]
    except KeyError:
        known = ", ".join(sorted(RULES))
        raise InvalidRequest(f"no rule of settlement is called {name!r}; there are {known}", rule=name) from None


def _check(owners: int, budget_micros: int, spread: float | None) -> None:
    if owners > MAX_OWNERS:
        raise InvalidRequest(f"at most {MAX_OWNERS} owners meet a value, were {owners}", limit=MAX_OWNERS)
    if not 1 <= budget_micros <= MAX_BUDGET_MICROS:
        raise InvalidRequest(
            f"a budget is 1 to {MAX_BUDGET_MICROS} micros, was {budget_micros}", limit=MAX_BUDGET_MICROS
        )
    if spread is not None and not 0 <= spread <= 2e300:
        raise InvalidRequest(f"a spread is a finite number of 0 or more, was {spread!r}", spread=repr(spread))


def _nothing(pool: Pool, reason: str) -> Split:
    return Split([0] * len(pool.owners), 0, 0, reason, 0.0, 0)


def _micro(pool: Pool, value: float, terms: Terms) -> Split:
    """The pot goes by the number of scenarios within half a window of the value, either side.

    The first window that holds ENOUGH scenarios counts, else the widest one that holds any. No cap: of a crowd that
    sits on the value each gets its part.
    """
    if terms.spread is None:
        return _nothing(pool, NO_SPREAD)
    columns, won, window = pool.columns, np.zeros(len(pool.owners), dtype=np.int64), 0.0
    reach = Reach.of(columns)
    for window in (spreads * terms.spread for spreads in WINDOW_SPREADS):
        low, high = value - 0.5 * window, value + 0.5 * window
        looked_at = columns[reach.rows(low, high)]
        near = (looked_at >= low) & (looked_at <= high)
        won = np.add.reduce(near.view(np.uint8), axis=0, dtype=np.int64)
        if int(won.sum()) >= ENOUGH:
            break
    winners = int(won.sum())
    if winners == 0:
        return _nothing(pool, NOBODY_NEAR)._replace(window=window)
    pot = terms.budget_micros * len(pool.owners)
    parts, remainders = np.divmod(pot * won, winners)
    parts[_first(-remainders, pot - int(parts.sum()))] += 1
    return Split((parts - terms.budget_micros).tolist(), 0, 0, SETTLED, window, winners)


def _logpool(pool: Pool, value: float, terms: Terms) -> Split:
    """Each stake, times the owner's log score above the mean of all, as a part of the score's whole range.

    The weighted-score mechanism of Lambert, Langford, Wortman Vaughan, Chen, Reeves, Shoham and Pennock (2008),
    "Self-financed wagering mechanisms for forecasting", with equal wagers: nobody's answer moves what others lose or
    win by more than the mean, so whoever maximises expected points maximises the expected score.
    """
    if terms.points_nano is None:
        return _nothing(pool, NO_SPREAD)
    owners, total = len(pool.owners), int(terms.points_nano.sum())
    divisor = owners * (best_points_nano(pool.count) - worst_points_nano(pool.count))
    above_mean = (owners * terms.points_nano - total).tolist()
    quotients = [divmod(terms.budget_micros * points, divisor) for points in above_mean]
    amounts = [quotient for quotient, _ in quotients]
    for place in _first(np.array([-remainder for _, remainder in quotients], dtype=object), -sum(amounts)):
        amounts[place] += 1
    return Split(amounts, 0, 0, SETTLED, 0.0, 0)


def _parity(rule: ParityRule) -> Callable[[Pool, float, Terms], Split]:
    def decide(pool: Pool, value: float, terms: Terms) -> Split:
        """The original's float amounts times the budget, made whole by largest remainder."""
        found = parity_amounts(pool, value, rule, carry_over=terms.carry_over)
        budget = terms.budget_micros / MICRO
        reserve = round(budget * found.reserve * MICRO)
        given = round(budget * rule.subsidy / (0.5 + len(pool.owners)) * len(pool.owners) * MICRO)
        amounts = whole_micros(budget * found.amounts, Micros(given - reserve))
        reason = SETTLED if found.winners or found.reserve else NOBODY_NEAR
        return Split(amounts, reserve, -given, reason, found.window, found.winners)

    return decide


def whole_micros(amounts: NDArray[np.float64], total: Micros) -> list[Micros]:
    """Float amounts of a unit as whole micros that sum exactly to `total`, each within one micro of its own.

    Each is rounded down; the units left over go, one each, to the largest remainders of the float64 `amount * 10**6`,
    and among equal ones to the earliest place. Raises ValueError (ours) when the amounts do not sum to about the total.
    """
    scaled = amounts * MICRO
    down = np.floor(scaled)
    whole = down.astype(np.int64)
    left = total - int(whole.sum())
    if not -1 <= left <= len(whole):
        raise ValueError(f"amounts that sum to {int(whole.sum())} micros rounded down cannot make {total}")
    remainders = scaled - down
    if left < 0:  # the floats of a sum of whole micros were together a hair too large
        whole[_first(remainders, 1)] -= 1
    else:
        whole[_first(-remainders, left)] += 1
    return [Micros(one) for one in whole.tolist()]


def _first(keys: NDArray[np.generic], count: int) -> NDArray[np.int64]:
    """The places of the `count` smallest keys; among equal ones the earliest."""
    return np.argsort(keys, kind="stable")[:count]


RULES: Final[Mapping[str, Callable[[Pool, float, Terms], Split]]] = MappingProxyType(
    {"micro": _micro, "logpool": _logpool, "micro2021": _parity(MICRO2021), "micro2023": _parity(MICRO2023)}
)
"""Every rule by its name."""
