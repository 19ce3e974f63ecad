"""What a person sees while a network trains: a bar with the live loss, a line for each look at validation, Ctrl-C."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mining_objects.training import ValidationReport, Watcher


class TrainingScreen(Watcher):
    """A context: while it lasts, Ctrl-C asks the training to stop after the batch it is in."""

    def __init__(self, console: Console, epochs: int) -> None:
        self._epochs = epochs
        self._stop_asked = False
        self._is_timed = False
        self.skill = "-"
        columns = (
            TextColumn("epoch {task.fields[epoch]}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[told]}"),
        )  # fmt: skip
        self._progress = Progress(*columns, console=console)
        self._bar = self._progress.add_task("", epoch="", told="", total=None)

    def __enter__(self) -> Self:
        self._before = {kind: signal.signal(kind, self._on_signal) for kind in (signal.SIGINT, signal.SIGTERM)}
        self._progress.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._progress.update(self._bar, visible=False)
        self._progress.stop()
        for kind, handler in self._before.items():
            signal.signal(kind, handler)

    def on_batch(self, epoch: int, done: int, of: int, loss: float) -> None:
        told = f"loss {loss:.5f}  skill {self.skill}"
        done_in_all, total = (epoch - 1) * of + done, self._epochs * of
        if not self._is_timed:  # what an earlier process did is no measure of the time that is left
            self._progress.reset(self._bar, completed=done_in_all, total=total)
            self._is_timed = True
        self._progress.update(
            self._bar, completed=done_in_all, total=total, epoch=f"{epoch} of {self._epochs}", told=told
        )

    def on_validation(self, report: ValidationReport) -> None:
        self.skill = f"{report.skill:+.2%}"
        mark = "[green]kept[/]" if report.best else "no better"
        self.say(
            f"epoch {report.epoch:2d}  batch {report.step:6,d}  train {report.train_loss:.5f}  "
            f"validation {report.score:.5f}  skill {self.skill}  {mark}"
        )

    def say(self, line: str) -> None:
        """A line above the bar."""
        self._progress.console.print(line, highlight=False)

    def is_stop_asked(self) -> bool:
        return self._stop_asked

    def _on_signal(self, _: int, __: FrameType | None) -> None:
        self._stop_asked = True
