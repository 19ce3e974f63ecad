"""The ways a venue misbehaves, on demand: for tests and for showing what the network does about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from neurons.market.candles import CandleArrays, joined
from protocol.errors import InvalidSetting


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with a venue now. All off is a healthy venue."""

    hang: bool = False
    """Takes the request and never answers."""
    latency_ms: int = 0
    """Wall time before each answer."""
    status: int = 0
    """Answers every request with this HTTP status (0: none)."""
    malformed: bool = False
    """Breaks the JSON off half-way."""
    lie_bp: int = 0
    """Moves every price by this many basis points."""
    rewind_ms: int = 0
    """Shows the market as it was this long ago."""
    repeat_last: bool = False
    """Sends the last candle twice, under the same time."""
    copy_last: bool = False
    """Gives the newest finished candle the numbers of the one before, as a stuck feed does."""
    gap_from_ms: int = 0
    gap_to_ms: int = 0
    """Leaves out the candles that open in [gap_from_ms, gap_to_ms)."""
    junk_field: str = ""
    """Replaces the closing price of the newest finished candle by this text ("NaN", "-1", "1e400")."""


def faults_from(values: Mapping[str, object]) -> Faults:
    """Faults by name, from a decoded JSON object. Raises InvalidSetting for a name or type there is not."""
    defaults = Faults()
    known = {field.name: type(getattr(defaults, field.name)) for field in fields(Faults)}
    for name, value in values.items():
        if name not in known or type(value) is not known[name]:
            kinds = ", ".join(f"{key} ({kind.__name__})" for key, kind in known.items())
            raise InvalidSetting(f"no fault {name}={value!r}; there are: {kinds}", setting=name)
    return replace(defaults, **values)  # type: ignore[arg-type]  # names and types were just checked


def spoil(candles: CandleArrays, faults: Faults, *, finished: int) -> CandleArrays:
    """The candles as a venue with these faults shows them; the first `finished` of them have ended."""
    arrays = candles
    if faults.gap_to_ms > faults.gap_from_ms:
        shown = (arrays.open_time_ms < faults.gap_from_ms) | (arrays.open_time_ms >= faults.gap_to_ms)
        finished = int(np.count_nonzero(shown[:finished]))
        arrays = arrays.take(shown)
    if faults.lie_bp:
        arrays = replace(arrays, prices_e8=arrays.prices_e8 + arrays.prices_e8 * faults.lie_bp // 10_000)
    if faults.copy_last and finished >= 2:
        prices, volume = arrays.prices_e8.copy(), arrays.volume.copy()
        prices[:, finished - 1], volume[finished - 1] = prices[:, finished - 2], volume[finished - 2]
        arrays = replace(arrays, prices_e8=prices, volume=volume)
    if faults.repeat_last and len(arrays):
        arrays = joined([arrays, arrays.rows(len(arrays) - 1, len(arrays))])
    return arrays
