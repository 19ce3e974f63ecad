"""What a training leaves behind: the weights, their card, and what the card says about their making."""

from __future__ import annotations

import platform
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from mining_objects.checkpoints import Checkpoint, save_checkpoint
from mining_objects.training import BASELINE, FLAT, Trained
from mining_objects.training_data import Series
from mining_objects.training_recipe import Recipe
from protocol.params import MAIN


def write_results(out: Path, recipe: Recipe, series: list[Series], trained: Trained) -> None:
    """Writes the checkpoint that miners load into out."""
    tensors = {name: tensor.detach().cpu().numpy() for name, tensor in trained.network.state_dict().items()}
    story = tell(recipe, series, trained)
    save_checkpoint(out, Checkpoint(recipe.family.name, asdict(recipe.config), story, tensors))


def tell(recipe: Recipe, series: list[Series], trained: Trained) -> dict[str, Any]:
    """What the card says about the making of the weights; scores are CRPS in units of scale x sqrt(k) for `lstm`."""
    return {
        "data": {
            "series": ", ".join(one.window.series for one in series),
            "sha256": series[0].sha256,
            "sets": [
                {"series": one.window.series, "sha256": one.sha256, "from": _day(one.window.open_time_ms[0])}
                for one in series
            ],
            **{key: value for key, value in asdict(recipe.data).items() if key != "files"},
        },
        "settings": asdict(recipe.training),
        "params_digest": MAIN.digest.hex(),
        "epochs": [asdict(report) for report in trained.reports],
        "best_epoch": trained.best.epoch,
        "validation_crps": trained.best.score,
        "validation_crps_of_a_gaussian_of_the_last_day": trained.references[FLAT],
        "validation_crps_of_the_standing_baseline": trained.references[BASELINE],
        **trained.facts,
        "made_with": {"python": platform.python_version(), "torch": torch.__version__},
    }


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(int(at_ms) / 1_000, UTC).isoformat()
