"""What a test leaves behind: report.html, figures.json, figures.csv and rounds.csv, all of them or none."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from mining_objects.result_folders import writing
from runnable.test_report.headline import Sentence
from runnable.test_report.tables import Table, as_json, csv_rows
from runnable.test_report.trial import PATHS, Trial

FORMAT = "augury/test/1"


def write_all(folder: Path, contents: Mapping[str, str]) -> None:
    """Writes every file beside its place first, then moves them there; Ctrl-C before that leaves what was there.

    Raises UnwritableFolder, with what was there left too.
    """
    parts = {name: folder / f"{name}.part" for name in contents}
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            for name, part in parts.items():
                part.write_text(contents[name], encoding="utf-8", newline="")
            for name, part in parts.items():
                part.replace(folder / name)
        finally:
            for part in parts.values():
                part.unlink(missing_ok=True)


def figures_json(
    title: str, sentences: Sequence[Sentence], warnings: Sequence[str], facts: Table, tables: Sequence[Table]
) -> str:
    """Everything that the report shows, as numbers. Refuses what is no number (ours)."""
    told = {
        "format": FORMAT,
        "title": title,
        "warnings": list(warnings),
        "headline": [one.text for one in sentences],
        "run": {str(row[0]): row[1] for row in facts.rows},
        "tables": {table.name: as_json(table) for table in tables},
    }
    return json.dumps(told, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def figures_csv(tables: Sequence[Table]) -> str:
    """One line a figure."""
    return _csv(
        ("table", "row", "column", "value", "low", "high", "p"), [line for table in tables for line in csv_rows(table)]
    )


def rounds_csv(trial: Trial) -> str:
    """One line a round of closes.paths and contender: losses, proven skill, skill after sharing, pay accrued."""
    played, paid = trial.paths, trial.paid[PATHS]
    lines: list[tuple[object, ...]] = []
    for i, at in enumerate(played.at_ms.tolist()):
        for column, label in enumerate(trial.labels):
            loss = int(played.loss_nano[i, column]) if played.answered[i, column] else ""
            lines.append((
                at, label, int(played.sigma_pico[i]), int(played.baseline_nano[i]), loss,
                int(paid.skill_nano[i, column]), int(paid.shared_nano[i, column]), int(paid.accrued_micros[i, column]),
            ))  # fmt: skip
    heads = (
        "anchor_at_ms", "model", "sigma_pico", "baseline_loss_nano", "loss_nano", "skill_nano",
        "shared_skill_nano", "accrued_micros",
    )  # fmt: skip
    return _csv(heads, lines)


def _csv(heads: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(lines)
    return text.getvalue()
