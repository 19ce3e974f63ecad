"""Features of candles, to choose from by name: each says what it means and how much past it needs.

    window, other venues' windows --feature_matrix(names)--> one row a candle, one column a name

Row t depends on rows <= t alone, to the bit; no feature fills a gap from later. The shipped LSTM reads the fixed set of
`mining_objects.features`; a model of one's own picks here. docs/features.md has the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log
from types import MappingProxyType
from typing import Final

import numpy as np

from mining_objects.base_mining_model import Floats, Window
from mining_objects.causal import rolling_mean
from mining_objects.errors import UnknownFeature
from mining_objects.features import HARMONICS
from mining_objects.financial_market_indicators import atr, band_position, ema, rsi
from mining_objects.past import Past

RETURN_SPANS: Final = (1, 3, 12, 36, 144, 288)
VOLATILITY_SPANS: Final = (12, 36, 72, 144, 288, 2016)
"""In candles: of five minutes, an hour to a week."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One column. meaning: its formula, where c, h, l, o, v are a candle's close, high, low, open and volume.

    warm_up: rows before the first number.  memory: so many rows, the last one included, give the last one's number as
    the whole history would, to a millionth; a missing candle among them may need more.
    """

    name: str
    meaning: str
    warm_up: int
    memory: int
    compute: Callable[[Past], Floats]


def feature_matrix(window: Window, names: Sequence[str], *, venues: Sequence[Window] = ()) -> Floats:
    """Shape (n, len(names)), float64: the named features of each candle, NaN where unknown.

    venues: the same market's candles elsewhere, for features across venues; any period on the same grid.
    Raises UnknownFeature for a name that FEATURES lacks; BadCandles when a feature needs venues and there are none, or
    their grid is another.
    """
    past = Past(window, venues)
    matrix = np.empty((len(window), len(names)))
    for column, name in enumerate(names):
        matrix[:, column] = _feature(name).compute(past)
    return matrix


def lookback_of(names: Sequence[str]) -> int:
    """How many candles a model must be given for the last row of these features. Raises UnknownFeature."""
    return max(_feature(name).memory for name in names)


def _feature(name: str) -> Feature:
    if name not in FEATURES:
        raise UnknownFeature(f"no feature is called {name!r}; there are {', '.join(FEATURES)}", feature=name)
    return FEATURES[name]


def _settled(keep: float) -> int:
    """Rows after which an average that keeps this part a row has forgotten its start to a thousand-millionth."""
    return ceil(log(1e-9) / log(keep))


def _candle(name: str) -> Feature:
    return Feature(name, "the candle's own, as traded", 0, 1, lambda p: getattr(p.window, name))


def _return(k: int) -> Feature:
    return Feature(f"return_{k}", f"ln(c / c {k} before)", k, k + 1, lambda p: p.change(k))


def _volatility(k: int) -> Feature:
    meaning = f"root mean square of the last {k} log-returns"
    return Feature(f"volatility_{k}", meaning, k, k + 1, lambda p: p.volatility(k))


def _parkinson(k: int) -> Feature:
    meaning = f"root of the mean of ln(h / l)^2 over {k} candles / (4 ln 2); Parkinson (1980), doi:10.1086/296071"
    return Feature(f"parkinson_{k}", meaning, k - 1, k, lambda p: p.parkinson(k))


def _ema(k: int) -> Feature:
    memory = k + _settled(1.0 - 2.0 / (k + 1.0))
    return Feature(
        f"ema_{k}", f"ln(c / EMA {k} of c); Haurlan (1968)", k - 1, memory, lambda p: np.log(p.close / ema(p.close, k))
    )


def _wave(index: int) -> Feature:
    period, rest = divmod(index, 2 * HARMONICS)
    harmonic, odd = rest // 2 + 1, rest % 2
    wave, unit = ("sin", "cos")[odd], ("day", "week")[period]
    meaning = (
        f"{wave}(2 pi {harmonic} x), x the part of the {unit} gone when the candle ends (UTC; weeks from Thursday)"
    )
    return Feature(f"{wave}_{unit}_{harmonic}", meaning, 0, 1, lambda p: p.waves[index])


_WILDER: Final = 15 + _settled(13.0 / 14.0)
_MACD: Final = 35 + _settled(25.0 / 27.0) + _settled(8.0 / 10.0)

_ALL: Final = (
    *(_candle(name) for name in ("open", "high", "low", "close", "volume")),
    Feature("range", "ln(h / l)", 0, 1, lambda p: p.log_range),
    Feature("body", "ln(c / o)", 0, 1, lambda p: np.log(p.window.close / p.window.open)),
    *(_return(k) for k in RETURN_SPANS),
    *(_volatility(k) for k in VOLATILITY_SPANS),
    *(_parkinson(k) for k in (12, 288)),
    Feature(
        "volume_288",
        "ln(v / mean v of the last 288 candles), at least ln 0.01",
        287,
        288,
        lambda p: p.volume_ratio(288),
    ),
    Feature(
        "obv_288",
        "on-balance volume gained in 288 candles / their volume; Granville (1963)",
        288,
        289,
        lambda p: p.obv_share(288),
    ),
    Feature("rsi_14", "relative strength index, 0 to 100; Wilder (1978)", 14, _WILDER, lambda p: rsi(p.close)),
    Feature("macd_line", "(EMA 12 - EMA 26) / c; Appel (1979)", 25, _MACD, lambda p: p.macd.line / p.close),
    Feature("macd_signal", "EMA 9 of EMA 12 - EMA 26, / c", 33, _MACD, lambda p: p.macd.signal / p.close),
    Feature("macd_histogram", "macd_line - macd_signal", 33, _MACD, lambda p: p.macd.histogram / p.close),
    Feature(
        "bollinger_position",
        "-1 on the lower band, 1 on the upper (20 candles, 2 deviations); Bollinger (2001)",
        19,
        20,
        lambda p: band_position(p.close, p.bands),
    ),
    Feature(
        "bollinger_width",
        "(upper - lower band) / middle",
        19,
        20,
        lambda p: (p.bands.upper - p.bands.lower) / p.bands.middle,
    ),
    *(_ema(k) for k in (9, 50, 200)),
    Feature(
        "atr_14", "average true range / c; Wilder (1978)", 14, _WILDER, lambda p: atr(p.high, p.low, p.close) / p.close
    ),
    *(_wave(index) for index in range(4 * HARMONICS)),
    Feature("weekend", "1 when the candle ends on Saturday or Sunday (UTC), else 0", 0, 1, Past.weekend),
    Feature("time_of_month", "-1 where the month begins (UTC), 1 where it ends", 0, 1, lambda p: p.part_of("M")),
    Feature("time_of_year", "-1 where the year begins (UTC), 1 where it ends", 0, 1, lambda p: p.part_of("Y")),
    Feature("venue_spread", "ln(highest / lowest c of all venues), of two at least", 0, 1, lambda p: p.spread),
    Feature("venue_premium", "ln(c / median of the other venues' c)", 0, 1, lambda p: p.premium),
    Feature(
        "venue_premium_288", "mean of venue_premium over 288 candles", 287, 288, lambda p: rolling_mean(p.premium, 288)
    ),
)

FEATURES: Final[Mapping[str, Feature]] = MappingProxyType({feature.name: feature for feature in _ALL})
"""Every feature by its name."""
