"""Several models' laws in one: at each step the average of their quantiles, by weights learnt on the past by CRPS.

Averaging quantiles keeps the laws' sharpness where they agree and takes the middle where they do not, while pooling
their paths would only widen them. The paths themselves are those of the first member: at each step they keep their
ranks and take the averaged quantiles.

Sources: Ratcliff (1979), doi:10.1037/0033-2909.86.3.446 (averaged quantiles); Lichtendahl, Grushka-Cockayne & Winkler
(2013), doi:10.1287/mnsc.1120.1667 (why they beat pooled probabilities); Schefzik, Thorarinsdottir & Gneiting (2013).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final, Self

import numpy as np

from mining_objects import models
from mining_objects.base_mining_model import Floats, Forecast, Forecaster, Window, thin_to_quantiles
from mining_objects.errors import BrokenCheckpoint
from mining_objects.fitted_cards import load_card
from mining_objects.installed_weights import installed_weights, split_name

INSTALLED_WEIGHTS: Final = installed_weights("stack")
ANCHORS: Final = (3, 24, 80)
"""Steps at which the weights stand: those of up to an hour, up to three hours, and beyond; straight lines in ln k."""


class Stack(Forecaster):
    """No direction, as none of its members has one: point paths are their weighted mean."""

    name: ClassVar[str] = "stack"
    oversample: ClassVar[int] = 1

    def __init__(self, members: Sequence[Forecaster], weights: Floats) -> None:
        """weights: shape (len(ANCHORS), len(members)), rows sum to 1, none negative."""
        self.members, self.weights = tuple(members), weights
        self.lookback = max(member.lookback for member in members)
        self.least = max(member.least for member in members)

    @classmethod
    def load(cls, folder: Path | None = None, *, device: str = "cpu") -> Self:
        """From a card's folder, by default the one installed; its members are created as installed.

        Raises BrokenCheckpoint for a card that is broken or names itself, and what creating a member raises.
        """
        card = load_card(folder or INSTALLED_WEIGHTS, model=cls.name)
        names = card.settings.get("members")
        if not isinstance(names, list) or not names or cls.name in [split_name(str(name))[0] for name in names]:
            raise BrokenCheckpoint(f"{card.path}: a stack's members must be other models, were {names}")
        weights = card.numbers({"weights": (len(ANCHORS), len(names))})["weights"]
        if (weights < 0.0).any() or not np.allclose(weights.sum(axis=1), 1.0, atol=1e-4):
            raise BrokenCheckpoint(f"{card.path}: weights must be shares of one, were {weights.tolist()}")
        return cls([models.create(str(name), device=device) for name in names], weights)

    def simulate(
        self, windows: Sequence[Window], *, steps: int, paths: int, chances: Sequence[np.random.Generator]
    ) -> list[Forecast]:
        return self.simulate_after(windows, [0] * len(windows), steps=steps, paths=paths, chances=chances)

    def simulate_after(
        self,
        windows: Sequence[Window],
        leads: Sequence[int],
        *,
        steps: int,
        paths: int,
        chances: Sequence[np.random.Generator],
    ) -> list[Forecast]:
        told = [
            member.simulate_after(windows, leads, steps=steps, paths=member.oversample * paths, chances=chances)
            for member in self.members
        ]
        weights = weights_along(self.weights, steps)
        return [self._together(forecasts, weights, paths) for forecasts in zip(*told, strict=True)]

    def _together(self, forecasts: Sequence[Forecast], weights: Floats, paths: int) -> Forecast:
        point: Floats = sum(
            (weights[:, i] * forecast.point for i, forecast in enumerate(forecasts)), start=np.zeros(len(weights))
        )
        if paths == 0:
            return Forecast(point=point, paths=np.zeros((0, len(weights))))
        thinned = [thin_to_quantiles(f.paths.astype(np.float32), paths).astype(np.float64) for f in forecasts]
        return Forecast(point=point, paths=average_quantiles(thinned, weights))


def average_quantiles(ensembles: Sequence[Floats], weights: Floats) -> Floats:
    """Shape (m, steps): the weighted mean of the ensembles' quantiles at each step, in the first one's order of paths.

    ensembles: each (m, steps).  weights: (steps, ensembles).
    """
    order = np.argsort(ensembles[0], axis=0)
    quantiles = np.zeros(ensembles[0].shape)
    for column, ensemble in enumerate(ensembles):
        quantiles += weights[:, column] * np.sort(ensemble, axis=0)
    averaged = np.empty(quantiles.shape)
    np.put_along_axis(averaged, order, quantiles, axis=0)
    return averaged


def weights_along(weights: Floats, steps: int) -> Floats:
    """Shape (steps, members): the weights that stand at the anchors, at each of the steps 1..steps."""
    at, anchors = np.log(np.arange(1, steps + 1)), np.log(ANCHORS)
    return np.column_stack([np.interp(at, anchors, column) for column in weights.T])
