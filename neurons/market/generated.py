"""A generated market: no price here was ever traded, and every label says so.

One hidden mid price with stochastic volatility (two log-OU components), Student-t tails and the shape of a
day, seen by several venues with a basis, noise, gaps and now and then a bad print of their own. Everything is a
function of (seed, instant): each week ("chunk") has its own counter-based stream, so processes that share a
seed see the same market without talking. Draws are raw Philox words turned into variates here, because numpy
promises the words, not its distributions, to stay the same from version to version.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from neurons.market.candles import CandleArrays, Float64s, Int64s, joined
from protocol.units import DAY_MS, MINUTE_MS, PRICE_SCALE, UnixMs

CHUNK_STEPS: Final = 2_016
_KEPT_CHUNKS: Final = 16
_TAIL_LIMIT: Final = 20.0
"""Standardised returns are cut here: a t with 4 degrees of freedom has no fourth moment."""
_BP: Final = 1e-4
_TICK_E8: Final = PRICE_SCALE // 100


@dataclass(frozen=True, slots=True)
class VenueShape:
    """How one venue departs from the hidden mid price."""

    name: str
    basis_bp: float = 0.0
    basis_swing_bp: float = 1.5
    """Amplitude of the basis' slow movement (periods of about 3, 9 and 31 days)."""
    noise_bp: float = 0.6
    gap_ppm: int = 300
    """Chance per candle that a gap begins."""
    mean_gap_steps: float = 3.0
    bad_print_ppm: int = 100
    """Chance per candle that its last trade is 0.5 to 2% off."""


THREE_VENUES: Final = (
    VenueShape("gen-amber"),
    VenueShape("gen-birch", basis_bp=3.0, noise_bp=0.8),
    VenueShape("gen-coral", basis_bp=-4.0, noise_bp=1.0, gap_ppm=600),
)


@dataclass(frozen=True, slots=True)
class MarketShape:
    """Everything that the generated market is made of. Equal shapes are equal markets."""

    seed: int
    venues: tuple[VenueShape, ...] = THREE_VENUES
    origin_ms: int = 1_577_836_800_000
    """2020-01-01, a grid instant: the market begins here."""
    step_ms: int = 5 * MINUTE_MS
    origin_price: float = 60_000.0
    step_volatility: float = 0.0009
    fast_half_life_steps: float = 48.0
    fast_deviation: float = 0.30
    """Stationary standard deviation of the fast component of log-volatility."""
    slow_half_life_steps: float = 2_880.0
    slow_deviation: float = 0.35

    @property
    def label(self) -> str:
        return f"generated, seed {self.seed}"


@dataclass(frozen=True, slots=True, eq=False)
class _Chunk:
    """One week of the hidden market. Arrays of shape (CHUNK_STEPS,); `before` is the state when it begins."""

    log_close: Float64s
    log_open: Float64s
    deviation: Float64s
    """Standard deviation of each step's return."""
    end: tuple[float, float, float]
    """log price, fast and slow log-volatility when the chunk ends."""


class GeneratedMarket:
    """The market of one shape; `venue(name)` is a CandleSource. Keeps three floats a week and a few weeks of arrays."""

    def __init__(self, shape: MarketShape) -> None:
        self.shape = shape
        self._states: list[tuple[float, float, float]] = [(float(np.log(shape.origin_price)), 0.0, 0.0)]
        self._chunks: OrderedDict[int, _Chunk] = OrderedDict()

    def venue(self, name: str) -> GeneratedSource:
        """Raises KeyError for a name that the shape does not have."""
        for shape in self.shape.venues:
            if shape.name == name:
                return GeneratedSource(self, shape)
        raise KeyError(f"the generated market has no venue {name!r}: {[v.name for v in self.shape.venues]}")

    def sources(self) -> list[GeneratedSource]:
        """One source per venue, in the order of the shape."""
        return [GeneratedSource(self, venue) for venue in self.shape.venues]

    def chunk(self, index: int) -> _Chunk:
        """Week `index` since the origin. The first call walks there from the origin once (0.3 ms a week)."""
        kept = self._chunks.get(index)
        if kept is not None:
            self._chunks.move_to_end(index)
            return kept
        while len(self._states) <= index:
            self._states.append(self._make(len(self._states) - 1).end)
        made = self._make(index)
        self._chunks[index] = made
        if len(self._chunks) > _KEPT_CHUNKS:
            self._chunks.popitem(last=False)
        return made

    def _make(self, index: int) -> _Chunk:
        shape = self.shape
        log_price, fast, slow = self._states[index]
        draws = uniforms(shape.seed, "market", index, 8 * CHUNK_STEPS).reshape(8, CHUNK_STEPS)
        fast_path = _ou_path(fast, shape.fast_half_life_steps, shape.fast_deviation, normals(draws[0], draws[1]))
        slow_path = _ou_path(slow, shape.slow_half_life_steps, shape.slow_deviation, normals(draws[2], draws[3]))
        day = _shape_of_week(shape.origin_ms + index * CHUNK_STEPS * shape.step_ms, shape.step_ms)
        deviation = shape.step_volatility * day * np.exp(fast_path + slow_path)
        returns = deviation * student_t4(normals(draws[4], draws[5]), draws[6], draws[7])
        log_close = log_price + np.cumsum(returns)
        log_open = np.concatenate(([log_price], log_close[:-1]))
        end = (float(log_close[-1]), float(fast_path[-1]), float(slow_path[-1]))
        return _Chunk(log_close, log_open, deviation, end)


class GeneratedSource:
    """One venue of a generated market, as a CandleSource."""

    def __init__(self, market: GeneratedMarket, venue: VenueShape) -> None:
        self._market, self._venue = market, venue
        self._chunks: OrderedDict[int, CandleArrays] = OrderedDict()

    @property
    def name(self) -> str:
        return self._venue.name

    @property
    def label(self) -> str:
        return f"{self._venue.name} ({self._market.shape.label})"

    @property
    def step_ms(self) -> int:
        return self._market.shape.step_ms

    @property
    def first_ms(self) -> UnixMs:
        return UnixMs(self._market.shape.origin_ms)

    def candles(self, from_ms: int, to_ms: int) -> CandleArrays:
        """The candles that open in [from_ms, to_ms); nothing opens before the origin."""
        span = CHUNK_STEPS * self.step_ms
        first = max(0, (from_ms - self.first_ms) // span)
        stop = max(first, -((self.first_ms - to_ms) // span))
        return joined([self._chunk(index) for index in range(first, stop)]).window(from_ms, to_ms)

    def _chunk(self, index: int) -> CandleArrays:
        kept = self._chunks.get(index)
        if kept is not None:
            self._chunks.move_to_end(index)
            return kept
        made = self._make(index)
        self._chunks[index] = made
        if len(self._chunks) > _KEPT_CHUNKS:
            self._chunks.popitem(last=False)
        return made

    def _make(self, index: int) -> CandleArrays:
        shape, venue = self._market.shape, self._venue
        hidden = self._market.chunk(index)
        open_time = shape.origin_ms + (index * CHUNK_STEPS + np.arange(CHUNK_STEPS, dtype=np.int64)) * shape.step_ms
        draws = uniforms(shape.seed, venue.name, index, 9 * CHUNK_STEPS).reshape(9, CHUNK_STEPS)
        basis = _BP * (venue.basis_bp + venue.basis_swing_bp * _slow_waves(shape.seed, venue.name, open_time))
        noise = _BP * venue.noise_bp * normals(draws[0], draws[1])
        bad = np.where(draws[2] < venue.bad_print_ppm * 1e-6, (draws[3] - 0.5), 0.0)
        log_open = hidden.log_open + basis
        log_close = hidden.log_close + basis + noise + np.sign(bad) * 0.005 + 0.03 * bad
        log_open[1:] += noise[:-1]
        reach = 0.6 * hidden.deviation * -np.log(draws[4:6])
        highest = np.maximum(log_open, log_close) + reach[0]
        lowest = np.minimum(log_open, log_close) - reach[1]
        prices = _to_ticks(np.exp(np.stack([log_open, highest, lowest, log_close])))
        busy = hidden.deviation / shape.step_volatility
        volume = np.round(20.0 * busy * np.exp(0.5 * normals(draws[6], draws[7])), 5)
        return CandleArrays(open_time, prices, volume).take(~_gaps(draws[2], draws[8], venue))


def uniforms(seed: int, stream: str, index: int, count: int) -> Float64s:
    """`count` uniforms in (0, 1), shape (count,): a function of its arguments alone."""
    key = hashlib.sha256(f"augury/generated/1|{seed}|{stream}|{index}".encode()).digest()
    words = np.random.Philox(key=int.from_bytes(key[:16], "little")).random_raw(count)
    uniform: Float64s = ((words >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    return uniform


def normals(first: Float64s, second: Float64s) -> Float64s:
    """Standard normals from two arrays of uniforms (Box and Muller 1958)."""
    normal: Float64s = np.sqrt(-2.0 * np.log(first)) * np.cos(2.0 * np.pi * second)
    return normal


def student_t4(normal: Float64s, first: Float64s, second: Float64s) -> Float64s:
    """Student-t with 4 degrees of freedom scaled to variance 1, cut at 20: -2 ln(u v) is chi-square with 4."""
    scaled = normal / np.sqrt(-np.log(first * second))
    return np.clip(scaled, -_TAIL_LIMIT, _TAIL_LIMIT)


def _ou_path(start: float, half_life: float, deviation: float, normal: Float64s) -> Float64s:
    """A discrete Ornstein-Uhlenbeck path after each of n steps, from `start`; stationary sd is `deviation`."""
    keep = 0.5 ** (1.0 / half_life)
    powers = keep ** np.arange(1, normal.size + 1)
    shocks = deviation * np.sqrt(1.0 - keep * keep) * normal
    path: Float64s = powers * (start + np.cumsum(shocks / powers))
    return path


def _shape_of_week(start_ms: int, step_ms: int) -> Float64s:
    """The factor on volatility by time of day (highest about 15 UTC, lowest about 4) and on weekends."""
    at_ms = start_ms + np.arange(CHUNK_STEPS, dtype=np.int64) * step_ms
    turn = 2.0 * np.pi * ((at_ms % DAY_MS) / DAY_MS - 15.0 / 24.0)
    weekday = (at_ms // DAY_MS + 3) % 7
    factor: Float64s = np.exp(0.35 * np.cos(turn) + 0.12 * np.cos(2.0 * turn)) * np.where(weekday >= 5, 0.75, 1.0)
    return factor


def _slow_waves(seed: int, venue: str, at_ms: Int64s) -> Float64s:
    """A slow movement within [-1, 1]: three waves whose phases belong to the venue."""
    phases = uniforms(seed, f"{venue}/basis", 0, 3)
    waves = [
        np.sin(2.0 * np.pi * (at_ms / (days * DAY_MS) + p)) for days, p in zip((2.9, 9.1, 31.0), phases, strict=True)
    ]
    mean: Float64s = np.mean(waves, axis=0)
    return mean


def _gaps(start_draw: Float64s, length_draw: Float64s, venue: VenueShape) -> NDArray[np.bool_]:
    """Which candles are missing: gaps begin at random and last a geometric number of steps, within the week."""
    starts = np.flatnonzero(start_draw > 1.0 - venue.gap_ppm * 1e-6)
    missing = np.zeros(start_draw.size, dtype=np.bool_)
    for start in starts:
        length = 1 + int(np.log(length_draw[start]) / np.log(1.0 - 1.0 / venue.mean_gap_steps))
        missing[start : start + length] = True
    return missing


def _to_ticks(price: Float64s) -> Int64s:
    """Prices in 1e-8 units, rounded to a cent: the last bits of exp() never show."""
    cents: Int64s = np.rint(price * 100.0).astype(np.int64) * _TICK_E8
    return cents
