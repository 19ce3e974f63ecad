"""How the finished model's intervals held in the validation period: real forecasts, every few hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mining_objects.base_mining_model import Floats, Forecaster, Window
from mining_objects.walk_forward import CENTRAL, ask_hourly, score_model

STEPS: Final = 100
STEPS_SHOWN: Final = (1, 12, 100)
CENTRAL_PER_CENT: Final = tuple(round(100 * part) for part in CENTRAL)
_PATHS: Final = 256
_MOST_ASKED: Final = 600
"""Of each series: enough to see a fault of three points, in seconds."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """asked: forecasts.  pit: (asked, STEPS), where in its law each outcome lay, NaN where none is known.

    covered: (STEPS, len(CENTRAL)), per cent of outcomes inside each central interval.
    """

    asked: int
    pit: Floats
    covered: Floats

    def told(self) -> dict[str, Any]:
        """For the card: per cent inside, by step shown and interval wanted."""
        shown = {
            str(step): dict(zip(map(str, CENTRAL_PER_CENT), np.round(self.covered[step - 1], 1).tolist(), strict=True))
            for step in STEPS_SHOWN
        }
        return {"forecasts": self.asked, "paths": _PATHS, "covered_per_cent": shown}


def calibrate(model: Forecaster, windows: Sequence[Window], from_ms: int, until_ms: int) -> Calibration | None:
    """Forecasts with the newest candle one step before the anchor, pooled over series.

    None where no hour of the period has 30 days of candles before it and all steps after it.
    """
    pits = []
    for window in windows:
        asked = ask_hourly(window, from_ms, until_ms, steps=STEPS, lead=1)
        asked = asked.every(-(-len(asked.rows) // _MOST_ASKED) or 1)
        pits.append(score_model(model, asked, paths=_PATHS).pit)
    pit = np.concatenate(pits)
    if not len(pit):
        return None
    inside = np.abs(2.0 * pit - 1.0)[:, :, None] <= np.asarray(CENTRAL)
    known = ~np.isnan(pit)
    covered = 100.0 * (inside & known[:, :, None]).sum(axis=0) / known.sum(axis=0)[:, None]
    return Calibration(len(pit), pit, covered)
