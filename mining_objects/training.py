"""The loop that trains any family: batches, early stopping on a later period, and a state to go on from at any batch.

    seed, epoch -> order of the examples      seed, step, rank -> dropout      step -> learning rate

Equal recipes, data, threads and machine give equal weights, also over a kill and a resume. Validation is always in
float32 and without chance: it is how miners will answer.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mining_objects.datasets import Examples
from mining_objects.errors import TrainingDiverged
from mining_objects.trainable import ModelFamily, Prior
from mining_objects.training_batches import ExampleBatches
from mining_objects.training_numerics import Cast, check_settings, compiled, seed_chance
from mining_objects.training_ranks import ALONE, Ranks
from mining_objects.training_settings import TrainingSettings
from mining_objects.training_state import Identity, TrainingState, load_state, save_state

FLAT: Final = "flat"
"""The reference law of the last day's size."""
BASELINE: Final = "baseline"
"""The reference law that pays nothing: the standing baseline's sigma."""


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """One look at the validation period. epoch: from 1.  step: batches so far.  train_loss: mean since the last look.

    score: lower is better.  skill: 1 - score / the score of the standing baseline.  best: so far, or with a patience of
    0 just the newest; its network is kept.
    """

    epoch: int
    step: int
    train_loss: float
    score: float
    skill: float
    best: bool


@dataclass(frozen=True, slots=True)
class Data:
    """Two periods, the later one for validation; what is to be equal for a training to go on; what inputs were computed
    with."""

    train: Examples
    validation: Examples
    identity: Identity
    prior: Prior = field(default_factory=dict)


class Watcher:
    """Whoever watches a training; does nothing unless overridden. Only rank 0's is told."""

    def on_batch(self, epoch: int, done: int, of: int, loss: float) -> None:
        """After each step. done: batches of this epoch.  loss: the mean since the last look at validation."""

    def on_validation(self, report: ValidationReport) -> None:
        """After each look. May raise to end the training."""

    def is_stop_asked(self) -> bool:
        """Asked after each step of every rank; once true, the training saves its state and raises Stopped."""
        return False


class Stopped(Exception):
    """Whoever watches asked to stop. The state after `step` batches is saved."""

    def __init__(self, step: int) -> None:
        super().__init__(f"stopped after {step} batches")
        self.step = step


@dataclass(frozen=True, slots=True)
class Trained:
    """The network at its best look, finished, on the CPU. references: validation scores of FLAT and BASELINE.

    facts: what the family tells of finishing.
    """

    network: nn.Module
    reports: tuple[ValidationReport, ...]
    best: ValidationReport
    references: dict[str, float]
    facts: dict[str, Any]


@dataclass(slots=True)
class _Progress:
    """Where a training stands; all of it goes into the state."""

    step: int = 0
    loss_sum: float = 0.0
    losses: int = 0
    reports: list[ValidationReport] = field(default_factory=list)

    def best(self) -> ValidationReport | None:
        return next((report for report in reversed(self.reports) if report.best), None)


class Training:
    """One training under way. `run` goes to the end; what it holds between two batches is what `save` writes."""

    def __init__(
        self,
        family: ModelFamily[Any],
        config: Any,
        settings: TrainingSettings,
        data: Data,
        *,
        folder: Path | None,
        ranks: Ranks = ALONE,
        watcher: Watcher | None = None,
    ) -> None:
        """folder: where the state is kept; without one none is.

        Raises InvalidSetting for what this machine or family cannot do.
        """
        self.device = check_settings(settings, family, ranks.world)
        torch.set_num_threads(settings.threads)
        torch.manual_seed(settings.seed)
        self.family, self.config, self.settings, self.data = family, config, settings, data
        self.folder, self.ranks, self.watcher = folder, ranks, watcher or Watcher()
        self.network = family.build(config).to(self.device).train()
        family.fit_inputs(self.network, data.prior, data.train.features[data.train.rows])
        steps = family.steps(config)
        self.train = ExampleBatches(data.train, steps, self.device)
        self.validation = ExampleBatches(data.validation, steps, self.device)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), weight_decay=settings.weight_decay, fused=True)
        self.batches = max(1, len(self.train) // settings.batch)
        self._called = Cast(ranks.wrap(self._compiled()), self.device, settings)
        self.best_weights = _copy_of(self.network)
        self.progress = _Progress()

    def resume(self) -> None:
        """Goes on from the state in the folder. Raises BrokenCheckpoint or ResumeMismatch."""
        assert self.folder is not None, "a training without a folder keeps no state"
        state = load_state(self.folder, self.data.identity)
        told = dict(state.progress)
        told["reports"] = [ValidationReport(**report) for report in told["reports"]]
        self.progress = _Progress(**told)
        self.network.load_state_dict(state.under("network"))
        self.best_weights = state.under("best")
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in state.under("optimiser").items():
            index, _, moment = name.partition(".")
            moments.setdefault(int(index), {})[moment] = tensor
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": moments, "param_groups": groups})

    def save(self) -> None:
        """Writes the state; rank 0 alone does."""
        if self.folder is None or not self.ranks.leads:
            return
        tensors = {f"network.{name}": tensor for name, tensor in _copy_of(self.network).items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self.best_weights.items()}
        for index, moments in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{name}": tensor for name, tensor in moments.items()}
        save_state(self.folder, self.data.identity, TrainingState(asdict(self.progress), tensors))

    def run(self) -> Trained:
        """Trains to the end. Raises Stopped when the watcher asks, TrainingDiverged for a loss that is no number."""
        references = self._references()
        last = self.settings.epochs * self.batches
        order, ordered = np.empty(0, np.int64), 0
        while self.progress.step < last and not self._is_patience_over():
            epoch, batch = divmod(self.progress.step, self.batches)
            if ordered != epoch + 1:
                order, ordered = _order(len(self.train), self.settings.seed, epoch), epoch + 1
            is_stop_asked = self.take_step(np.array_split(order, self.batches)[batch], epoch, batch)
            if self._is_look_due(batch):
                self._look(epoch, references)
            if is_stop_asked:
                self.save()
                raise Stopped(self.progress.step)
            if self._is_look_due(batch) or self.progress.step % self.settings.save_every == 0:
                self.save()
        return self._finished(references)

    def take_step(self, chosen: NDArray[np.int64], epoch: int, batch: int) -> bool:
        """One step of the optimiser on these examples. Returns whether anybody asked to stop after it."""
        settings, progress = self.settings, self.progress
        seed_chance(self.device, _seed_of(settings.seed, progress.step, self.ranks.rank))
        mine = self.ranks.part(chosen)
        losses = self.family.loss(self.config, self._called, self.train.take(mine))
        loss = losses.sum() / len(chosen)
        self.network.zero_grad(set_to_none=True)
        (loss * self.ranks.world).backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), settings.clip)
        total, stops = self.ranks.sums([float(loss.detach()), float(self.watcher.is_stop_asked())])
        if not (math.isfinite(total) and math.isfinite(float(norm))):
            raise TrainingDiverged(
                f"batch {batch + 1} of epoch {epoch + 1}: the loss is {total} and its gradient {float(norm)}; what "
                f"was saved before it is kept. Try a smaller learning_rate than "
                f"{settings.learning_rate:g}",
                epoch=epoch + 1,
                batch=batch + 1,
            )
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate_at(progress.step, settings.epochs * self.batches, settings.learning_rate)
        self.optimiser.step()
        progress.step += 1
        progress.loss_sum += total
        progress.losses += 1
        if self.ranks.leads:
            self.watcher.on_batch(epoch + 1, batch + 1, self.batches, progress.loss_sum / progress.losses)
        return stops > 0

    def _is_look_due(self, batch: int) -> bool:
        """Whether validation follows this batch: at the end of each of the epoch's equal parts."""
        looks = min(self.settings.looks, self.batches)
        return (batch + 1) * looks // self.batches > batch * looks // self.batches

    def _compiled(self) -> nn.Module:
        first = self.train.take(np.arange(min(self.settings.batch, len(self.train))))
        return compiled(self.network, self.settings, first.inputs)

    def _look(self, epoch: int, references: dict[str, float]) -> None:
        score, progress, best = self._score(), self.progress, self.progress.best()
        if not math.isfinite(score):
            raise TrainingDiverged(
                f"the look after batch {progress.step}: the validation score is {score}; what was saved before it is "
                f"kept. Try a smaller learning_rate than {self.settings.learning_rate:g}",
                epoch=epoch + 1,
                batch=progress.step,
            )
        report = ValidationReport(
            epoch=epoch + 1,
            step=progress.step,
            train_loss=progress.loss_sum / progress.losses,
            score=score,
            skill=1.0 - score / references[BASELINE],
            best=best is None or score < best.score or self.settings.patience == 0,
        )
        progress.reports.append(report)
        progress.loss_sum, progress.losses = 0.0, 0
        if report.best:
            self.best_weights = _copy_of(self.network)
        if self.ranks.leads:
            self.watcher.on_validation(report)

    def _score(self) -> float:
        """The mean score over the validation period, each rank answering for its part of it."""
        self.network.eval()
        total = 0.0
        with torch.inference_mode():
            for batch in self.validation.part(self.ranks.rank, self.ranks.world):
                total += float(self.family.score(self.config, self.network, batch).double().sum())
        self.network.train()
        return self.ranks.sums([total])[0] / len(self.validation)

    def _references(self) -> dict[str, float]:
        """What the two reference laws score on validation."""
        sums = {FLAT: 0.0, BASELINE: 0.0}
        with torch.inference_mode():
            for batch in self.validation:
                for name, deviation in ((FLAT, torch.ones_like(batch.scale)), (BASELINE, batch.baseline)):
                    sums[name] += float(self.family.reference(self.config, batch, deviation).double().sum())
        return {name: total / len(self.validation) for name, total in sums.items()}

    def _is_patience_over(self) -> bool:
        looks = self.progress.reports
        since = next((age for age, report in enumerate(reversed(looks)) if report.best), 0)
        return 0 < self.settings.patience <= since

    def _finished(self, references: dict[str, float]) -> Trained:
        best = self.progress.best()
        assert best is not None, "the last batch of an epoch is always followed by a look"
        self.network.load_state_dict(self.best_weights)
        self.network.eval()
        with torch.inference_mode():
            facts = self.family.finish(self.network, self.train, self.validation)
        return Trained(self.network.cpu(), tuple(self.progress.reports), best, references, facts)


def learning_rate_at(step: int, steps: int, highest: float) -> float:
    """From `highest` at step 0 down to 0 after the last, as half a cosine; arXiv:1608.03983."""
    return highest * (1.0 + math.cos(math.pi * step / steps)) / 2.0


def _order(examples: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, epoch]).permutation(examples)


def _seed_of(seed: int, step: int, rank: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{step}/{rank}".encode()).digest()[:8], "big", signed=True)


def _copy_of(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
