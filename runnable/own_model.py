"""A model of your own, and a miner that runs it: `python runnable/own_model.py --config miner.toml`.

Copy this file and change `simulate`. Settings are those of `augury miner`; `base_model` is not looked at.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

import numpy as np

from mining_objects.base_mining_model import Forecast, Forecaster, Window
from neurons.config import parse
from neurons.miner import forecasting_with, run
from neurons.settings import MinerSettings
from neurons.supervise import report, run_until_stopped
from protocol.errors import NodeFault


class Calming(Forecaster):
    """No direction; the last hour's volatility, which calms down to that of the last day."""

    name = "calming"
    lookback = 288
    least = 24

    def simulate(
        self, windows: Sequence[Window], *, steps: int, paths: int, chances: Sequence[np.random.Generator]
    ) -> list[Forecast]:
        answers = []
        for window, chance in zip(windows, chances, strict=True):
            moves = window.log_returns() ** 2  # NaN where a candle is missing
            known = moves[~np.isnan(moves)]
            hour, day = known[-12:].mean(), known.mean()
            variance = day + (hour - day) * 0.5 ** (np.arange(steps) / 36)
            walk = np.cumsum(np.sqrt(variance) * chance.standard_normal((paths, steps)), axis=1)
            answers.append(Forecast(point=np.zeros(steps), paths=walk))
        return answers


def main(arguments: Sequence[str]) -> int:
    """Runs a miner with this model until it is stopped; exit codes as those of a miner."""
    try:
        settings = parse(MinerSettings, arguments, command="own_model")
    except NodeFault as error:
        return report(error)
    return run_until_stopped(partial(run, settings, partial(forecasting_with, Calming())))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
