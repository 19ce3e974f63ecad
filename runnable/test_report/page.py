"""The report as one HTML page that fetches nothing: headline, pictures, a table under each, and what was run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from mining_objects.significance import Comparison
from runnable.test_report import breakdowns, charts, findings
from runnable.test_report.headline import Sentence
from runnable.test_report.svg import colour
from runnable.test_report.tables import Figure, Table, text_of
from runnable.test_report.trial import STANDING, Trial

LOOK_ONCE = "Look at a period once: a model that was chosen by its results here has been fitted to it."


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the page. layout: how its pictures stand.  key: whose colours are named above them."""

    id: str
    title: str
    lead: str
    pictures: tuple[str, ...]
    tables: tuple[Table, ...]
    layout: str = ""
    key: tuple[tuple[str, str], ...] = ()
    is_open: bool = False


def sections_of(trial: Trial, ruled: Sequence[Comparison], pairs: Table) -> list[Section]:
    """Every part of the report, in reading order."""
    everybody = tuple((label, colour(place)) for place, label in enumerate(trial.labels))
    dashed = tuple((name, f"ref r{i}") for i, name in enumerate(n for n in trial.references if n != STANDING))
    return [
        Section("pairs", "Which differences are significant",
                "How much lower the first one's loss was, by the rules, with 95% intervals. Grey: not significant once "
                "several comparisons are minded.", tuple(charts.differences(trial, ruled)), (pairs,), "one"),
        Section("reward", "Cumulative reward",
                "What keys with these models would have been paid, had they joined an empty network on the first day. "
                "Skill has to be proven before it is paid, and who answers alike shares one reward.",
                tuple(charts.reward(trial)), (findings.reward_table(trial), breakdowns.day_table(trial)), "two",
                everybody),
        Section("crps", "How far from what came",
                "CRPS is how far a law lay from its outcome; lower is better. Rounds are scored by it.", (),
                (findings.loss_table(trial), findings.point_table(trial), findings.gain_table(trial)),
                is_open=True),
        Section("skill", "Skill over time",
                "Whether a gain lasted, or came from a few days. Lines end where they leave the picture.",
                tuple(charts.skill_over_time(trial)), (breakdowns.week_table(trial),), "two", everybody),
        Section("fans", "Some forecasts",
                "Hours chosen by how calm the market was when they were asked, not by how well anybody did. Shades: "
                "the middle 50, 70 and 90% of the law. Dashes: 90% of the standing baseline. Line: what came.",
                tuple(charts.fans(trial)), (charts.fan_table(trial),)),
        Section("calibration", "Calibration",
                "Below 0: too few outcomes in the middle of the law, it is too narrow; above 0: it is too wide. "
                "The grey strip is 2 points either way.", tuple(charts.reliability(trial)),
                (findings.coverage_table(trial), findings.reliability_table(trial)), key=everybody),
        Section("levels", "Where in its law the outcome lay",
                "PIT histograms: all bars alike is right; a hump in the middle is a law too wide, two horns one too "
                "narrow, a slope a direction missed. Upright lines: 95% of the draws of days, of each bar alone, so "
                "that one in twenty misses the dashes though its law is right.",
                tuple(charts.levels(trial)), (findings.pit_table(trial),)),
        Section("horizons", "By step", "Gain over the standing baseline at each step, by the rules.",
                tuple(charts.horizons(trial)), (breakdowns.horizon_table(trial),), "one", everybody + dashed),
        Section("regimes", "By how calm the market was", "Dots with the 95% interval of each alone.",
                tuple(charts.regimes(trial)), (breakdowns.regime_table(trial),), "one",
                tuple(one for one in everybody if one[0] in trial.tested)),
        Section("week", "By hour and weekday", "Green: better than the standing baseline; orange: worse. UTC.",
                tuple(charts.hours_of_week(trial)),
                (breakdowns.clock_table(trial), breakdowns.weekday_table(trial), breakdowns.heat_table(trial)), "two"),
    ]  # fmt: skip


def render(
    title: str,
    about: str,
    sentences: Sequence[Sentence],
    warnings: Sequence[str],
    sections: Sequence[Section],
    facts: Table,
) -> str:
    """The page. Equal arguments give equal bytes: nothing in it says when it was made."""
    said = "".join(f'<li class="{one.tone}">{escape(one.text)}</li>' for one in sentences)
    warned = "".join(f'<p class="warning">{escape(one)}</p>' for one in (*warnings, LOOK_ONCE))
    links = " ".join(f'<a href="#{one.id}">{escape(one.title)}</a>' for one in sections)
    body = "".join(_section(one) for one in sections)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title>\n<style>\n{_style()}</style></head>\n<body>\n<h1>{escape(title)}</h1>\n"
        f'<p class="soft">{escape(about)}</p>\n{warned}\n'
        f'<ul class="headline">{said}</ul>\n<nav>{links} <a href="#run">What was run</a></nav>\n{body}'
        f'<section id="run"><h2>What was run</h2>{_table(facts)}</section>\n</body></html>\n'
    )


def _section(one: Section) -> str:
    key = "".join(_key(name, css) for name, css in one.key)
    pictures = f'<div class="charts {one.layout}">{"".join(one.pictures)}</div>' if one.pictures else ""
    tables = "".join(
        f"<details{' open' if one.is_open else ''}><summary>{escape(table.title)}: the figures</summary>"
        f'<p class="soft">{escape(table.note)}</p>{_table(table)}</details>'
        for table in one.tables
        if table.rows
    )
    return (
        f'<section id="{one.id}"><h2>{escape(one.title)}</h2><p>{escape(one.lead)}</p>'
        f"{f'<div class=key>{key}</div>' if key else ''}{pictures}{tables}</section>\n"
    )


def _key(name: str, css: str) -> str:
    line = f'<svg viewBox="0 0 26 10"><path class="line {css}" d="M0 5L26 5"/></svg>'
    return f"<span>{line}{escape(name)}</span>"


def _table(table: Table) -> str:
    words = [all(isinstance(row[i], str) for row in table.rows) for i in range(len(table.columns))]
    head = "".join(
        f"<th{' class=word' if is_word else ''}>{escape(name)}</th>"
        for name, is_word in zip(table.columns, words, strict=True)
    )
    rows = "".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in table.rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cell(cell: object) -> str:
    if isinstance(cell, Figure):
        css = {1: ' class="up"', -1: ' class="down"'}.get(cell.leaning, "")
        interval = f"<small>{escape(cell.interval)}</small>" if cell.interval else ""
        return f"<td{css}>{escape(cell.value)}{interval}</td>"
    if isinstance(cell, int):
        return f"<td>{text_of(cell)}</td>"
    return f'<td class="word">{escape(str(cell))}</td>'


def _style() -> str:
    return Path(__file__).with_name("style.css").read_text(encoding="utf-8")
