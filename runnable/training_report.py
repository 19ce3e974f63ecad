"""What a training leaves behind: weights, the card that miners check, a page to read, and its pictures.

weights.safetensors   card.json   README.md   losses.png   calibration.png   recipe.toml
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from mining_objects.checkpoints import Checkpoint, save_checkpoint
from mining_objects.result_folders import writing
from mining_objects.training import BASELINE, FLAT, Trained
from mining_objects.training_data import Series
from mining_objects.training_recipe import Recipe, instant_ms, to_toml
from protocol.params import MAIN
from runnable.training_calibration import CENTRAL_PER_CENT, STEPS_SHOWN, Calibration, calibrate
from runnable.training_charts import draw_calibration, draw_losses


def write_results(out: Path, recipe: Recipe, series: Sequence[Series], trained: Trained) -> None:
    """Writes the files above into out; the card last, so that a card means a whole folder. Raises UnwritableFolder."""
    tensors = {name: tensor.detach().cpu().numpy() for name, tensor in trained.network.state_dict().items()}
    model = recipe.family.forecaster(recipe.config, trained.network)
    period = (instant_ms(recipe.data.validation_from, "from"), instant_ms(recipe.data.until, "until"))
    calibration = calibrate(model, [one.window for one in series], *period)
    story = tell(recipe, series, trained) | ({"calibration": calibration.told()} if calibration else {})
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        draw_losses(trained, out / "losses.png")
        if calibration:
            draw_calibration(calibration, out / "calibration.png")
        (out / "recipe.toml").write_text(to_toml(recipe), encoding="utf-8")
        (out / "README.md").write_text(page(recipe, series, trained, calibration), encoding="utf-8")
        save_checkpoint(out, Checkpoint(recipe.family.name, asdict(recipe.config), story, tensors))


def tell(recipe: Recipe, series: Sequence[Series], trained: Trained) -> dict[str, Any]:
    """What the card says about the making of the weights."""
    return {
        "data": {
            "series": ", ".join(one.window.series for one in series),
            "sha256": series[0].sha256,
            "sets": [{"series": one.window.series, "sha256": one.sha256, "from": _first_day(one)} for one in series],
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


def page(recipe: Recipe, series: Sequence[Series], trained: Trained, calibration: Calibration | None) -> str:
    """The model card for people: what it is, what it was made of, how it did, how to use it."""
    data, best = recipe.data, trained.best
    chosen = "chosen" if recipe.training.patience else "finished"
    return "\n".join(
        [
            f"# A `{recipe.family.name}` model",
            "",
            f"Trained on candles before {data.validation_from}, {chosen} by candles from there until {data.until} "
            f"(UTC), with {data.embargo_steps} steps between the periods. **It has been {chosen} by its validation "
            "period, so the figures below flatter it;** what it is worth shows on later candles:",
            "",
            "```",
            f"python runnable/miner_testing.py --models {recipe.family.name} --data DATASET "
            f"--weights {recipe.family.name}=FOLDER --from {data.until} --to DAY",
            f"augury miner --base_model {recipe.family.name} --weights FOLDER",
            "```",
            "",
            "## Validation",
            "",
            "| | score | the model gains |",
            "| --- | --- | --- |",
            f"| the model, epoch {best.epoch} of {trained.reports[-1].epoch} | {best.score:.5f} | |",
            *_reference_rows(trained),
            "",
            f"The score: {recipe.family.score_means}.",
            "",
            "![losses](losses.png)",
            "",
            *_calibration_lines(calibration),
            "## Data",
            "",
            "| series | from | SHA-256 of the candles' files |",
            "| --- | --- | --- |",
            *(f"| {one.window.series} | {_first_day(one)[:10]} | `{one.sha256}` |" for one in series),
            "",
            f"Network params: `{MAIN.digest.hex()}`. The whole recipe is `recipe.toml`; with the same data, machine "
            "and versions it gives these weights to the bit.",
            "",
        ]
    )


def _reference_rows(trained: Trained) -> list[str]:
    laws = ((FLAT, "Gaussian walk of the last day's size"), (BASELINE, "the standing baseline's Gaussian walk"))
    references = [(law, trained.references[name]) for name, law in laws]
    return [f"| {law} | {score:.5f} | {1 - trained.best.score / score:+.2%} |" for law, score in references]


def _calibration_lines(calibration: Calibration | None) -> list[str]:
    if calibration is None:
        return ["The validation period is too short to say how its intervals hold.", ""]
    rows = [
        f"| {step} | " + " | ".join(f"{inside:.1f}" for inside in calibration.covered[step - 1]) + " |"
        for step in STEPS_SHOWN
    ]
    return [
        f"Per cent of outcomes inside the central intervals of {calibration.asked} forecasts:",
        "",
        "| step | " + " | ".join(f"{wanted} wanted" for wanted in CENTRAL_PER_CENT) + " |",
        "| --- |" + " --- |" * len(CENTRAL_PER_CENT),
        *rows,
        "",
        "![calibration](calibration.png)",
        "",
    ]


def _first_day(one: Series) -> str:
    return datetime.fromtimestamp(int(one.window.open_time_ms[0]) / 1_000, UTC).isoformat()
