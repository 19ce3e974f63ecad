"""The report of a small test: every section and figure, nothing fetched, nothing that is no number, plain words."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console

from mining_objects.significance import DayBlocks, Estimate
from runnable.test_report import breakdowns, charts, findings
from runnable.test_report.files import write_all
from runnable.test_report.headline import headline
from runnable.test_report.page import LOOK_ONCE
from runnable.test_report.report import Run, write_report
from runnable.test_report.tables import ABSENT, GAIN, SHARE, Figure, figure, text_of
from runnable.test_report.trial import PATHS, STANDING
from tests.support.contenders import small_trial, trial_with_a_mute

VOID = frozenset({"meta", "path", "rect", "circle"})
SECTIONS = ("pairs", "reward", "crps", "skill", "fans", "calibration", "levels", "horizons", "regimes", "week", "run")
RUN = Run("python runnable/miner_testing.py --models good", "candles", "ab" * 32, ("good HAS SEEN this period",))


class Page(HTMLParser):
    """What is in a page, and whether every tag that is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        self.ids += [told["id"]] if "id" in told else []
        self.addresses += [told[name] for name in ("href", "src", "xlink:href") if name in told]
        if tag not in VOID or not (self.get_starttag_text() or "").endswith("/>"):
            self.open += [tag] if tag != "meta" else []

    def handle_startendtag(self, tag, attrs):
        assert tag in VOID

    def handle_endtag(self, tag):
        assert tag == self.open.pop()

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    screen = io.StringIO()
    write_report(small_trial(), RUN, out, Console(file=screen, width=100))
    return {path.name: path.read_text(encoding="utf-8") for path in out.iterdir()} | {"screen": screen.getvalue()}


def test_the_page_has_every_section_and_closes_every_tag(written):
    page = Page(written["report.html"])

    assert [] == page.open
    assert [] == [name for name in SECTIONS if name not in page.ids]
    for words in ("fan", "PIT", "Skill over time", "Cumulative reward", LOOK_ONCE, RUN.command, RUN.data_sha256):
        assert words.lower() in page.text.lower()
    assert "good HAS SEEN this period" in page.text
    assert written["report.html"].count("<svg") > 15


def test_the_page_fetches_nothing(written):
    addresses = Page(written["report.html"]).addresses

    assert [] == [one for one in addresses if not one.startswith("#")]
    assert [] == re.findall(r"https?://|@import|url\(", written["report.html"])


def test_nothing_that_is_no_number_is_shown_anywhere(written):
    for name, text in written.items():
        assert not re.search(r"\b(nan|NaN|inf|Infinity|None)\b", text), name


def test_the_same_figures_are_written_as_json_and_csv(written):
    told = json.loads(written["figures.json"])
    lines = list(csv.DictReader(io.StringIO(written["figures.csv"])))
    row = told["tables"]["crps"]["rows"][0]
    [line] = [
        one
        for one in lines
        if (one["table"], one["row"], one["column"]) == ("crps", row["forecast"], f"gain over {STANDING}")
    ]

    assert "augury/test/1" == told["format"]
    assert set(told["tables"]) == {one["table"] for one in lines}
    assert row[f"gain over {STANDING}"] == {key: float(line[key]) for key in ("value", "low", "high", "p")}
    rounds = list(csv.DictReader(io.StringIO(written["rounds.csv"])))
    assert 4 * len(small_trial().paths.at_ms) == len(rounds)
    assert {"moody"} == {one["model"] for one in rounds if not one["loss_nano"]}


def test_the_same_trial_gives_the_same_bytes(written, tmp_path):
    write_report(small_trial(), RUN, tmp_path, Console(file=io.StringIO(), width=100))

    assert {name: written[name] for name in written if name != "screen"} == {
        path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()
    }


def test_a_screen_that_goes_away_costs_no_report(tmp_path):
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    with pytest.raises((BrokenPipeError, SystemExit)):
        write_report(small_trial(), RUN, tmp_path, Console(file=Gone(), width=100))
    assert (tmp_path / "report.html").exists()


def test_the_terminal_keeps_to_a_hundred_columns_and_says_it_in_words(written):
    screen = written["screen"]

    assert max(len(line) for line in screen.splitlines() if not line.startswith("written: ")) <= 100
    assert "good against twin: identical, answer by answer" in screen
    assert "moody gave no sound answer" in screen
    assert "WARNING: good HAS SEEN this period" in screen
    assert "…" not in screen


def test_models_that_answer_alike_are_called_identical_and_share_one_reward():
    trial = small_trial()
    ruled, raw = findings.compared(trial)
    twins = [one for one in (*ruled, *raw) if {one.first, one.second} == {"good", "twin"}]

    assert ["identical", "identical"] == [one.verdict for one in twins]
    assert [0.0, 0.0] == [one.gain.value for one in twins]
    paid = trial.epochs[PATHS].paid_micros.sum(axis=0)
    assert abs(int(paid[0]) - int(paid[1])) <= len(trial.paths.at_ms)


def test_a_law_too_wide_is_seen_by_every_measure():
    trial = small_trial()
    [row] = [row for row in findings.coverage_table(trial).rows if row[0] == "wide"]

    assert row[4].estimate.value > 0.7
    shares = [part.value for part in findings.pit_shares(trial, "wide", 12)]
    assert shares[0] + shares[-1] < sum(shares[4:6])
    assert breakdowns.gain_by_step(trial, "wide")[50] < -0.2


def test_a_bar_of_a_histogram_has_the_interval_of_its_days():
    trial = small_trial()
    levels = trial.pit["good"][:, 11]
    [row] = [row for row in findings.pit_table(trial).rows if row[0] == "good, step 12"]

    for place, bar in enumerate(row[1:]):
        inside = (levels >= place / 10) & ((levels < (place + 1) / 10) | (place == 9))
        wanted = trial.blocks.mean(np.where(np.isnan(levels), np.nan, inside))
        assert wanted.value == bar.estimate.value
        assert not bar.interval or wanted == bar.estimate
    assert row[1].estimate.low < row[1].estimate.value < row[1].estimate.high
    spans = charts.levels(trial)[1].count('class="line ink"')
    assert sum(cell.interval != "" for cell in row[1:]) == spans > 5


def test_every_breakdown_adds_up_to_the_hours_there_are():
    trial = small_trial()
    hours = len(trial.paths.at_ms)
    counts = [int(re.search(r"([\d,]+) hours", name)[1]) for name in breakdowns.regime_table(trial).columns[1:]]

    assert hours == sum(counts)
    assert hours == sum(row[1] for row in breakdowns.week_table(trial).rows)
    np.testing.assert_allclose(1.0, sum(part.value for part in findings.pit_shares(trial, "good", 1)))
    epochs, paid, alone, _ = breakdowns.by_epoch(trial)
    assert 16 == len(epochs)
    assert (np.diff(paid, axis=0) >= 0).all()
    assert (paid <= alone + 1e-9).all()


def test_a_headline_names_the_best_first_and_says_when_it_is_luck():
    trial = small_trial()
    told = headline(trial, *findings.compared(trial))

    assert told[0].text.startswith(f"{findings.ranked(trial)[0]}: the lowest loss of the tested models")
    assert any("significant" in one.text for one in told)
    assert any(one.text.startswith("Nobody was paid") or one.text.startswith("Paid most") for one in told)


def test_a_model_that_never_answers_is_compared_with_nobody_and_praised_for_nothing(tmp_path):
    screen = io.StringIO()
    write_report(trial_with_a_mute(), RUN, tmp_path, Console(file=screen, width=100))
    told = json.loads((tmp_path / "figures.json").read_text())
    of_mute = [sentence for sentence in told["headline"] if "mute" in sentence]

    assert [f"mute gave no sound answer {len(trial_with_a_mute().paths.at_ms)} times"] == [
        sentence.partition(" in ")[0] for sentence in of_mute
    ]
    assert of_mute[0].endswith("(broken-model): has lost its voice.")
    verdicts = {row["verdict"] for row in told["tables"]["pairs"]["rows"] if "mute" in row["pair"]}
    assert {"no answers"} == verdicts
    assert "mute: levels" not in (tmp_path / "report.html").read_text()


def test_a_period_of_which_much_could_not_be_played_is_labelled_on_top(tmp_path):
    trial = trial_with_a_mute()
    rounds = len(trial.paths.at_ms)
    for lost, labelled in ((rounds // 30, False), (rounds, True)):
        left_out = Counter({(PATHS, "too little history"): lost})
        gappy = replace(trial, stretch=replace(trial.stretch, left_out=left_out))
        write_report(gappy, RUN, tmp_path, Console(file=io.StringIO(), width=100))
        told = f"{lost} of {rounds + lost} rounds of {PATHS} could not be played, {lost} for: too little history"
        assert labelled == (told in json.loads((tmp_path / "figures.json").read_text())["warnings"])
        assert labelled == (told in (tmp_path / "report.html").read_text())


def test_a_period_too_short_for_intervals_praises_nobodys_coverage():
    trial = trial_with_a_mute()
    week = replace(trial)
    week.__dict__["blocks"] = DayBlocks(trial.paths.at_ms // 4)
    told = [one.text for one in headline(week, *findings.compared(week))]

    assert "Whether anybody covers what it says: 4 days are too few to tell." in told
    assert [] == [text for text in told if "good covers" in text]


def test_where_nobody_answers_the_headline_says_so_first():
    trial = trial_with_a_mute()
    alone = replace(trial, course=replace(trial.course, contenders=trial.course.contenders[1:]))
    told = headline(alone, *findings.compared(alone))

    assert "No tested model answered any round: there is nothing to compare." == told[0].text


def test_numbers_are_written_with_sign_unit_and_a_dash_for_what_is_not_known():
    assert "+1.23% (+0.50 to +2.00)" == text_of(Figure(Estimate(0.0123, 0.005, 0.02, 0.01), GAIN))
    assert "+0.00%" == text_of(figure(-1e-9, GAIN))
    assert "12.3%" == text_of(figure(0.123, SHARE))
    assert ABSENT == text_of(figure(None, SHARE)) == text_of(figure(float("nan"), SHARE))
    assert [1, -1, 0] == [Figure(Estimate(0.0, a, b), GAIN).leaning for a, b in ((1, 2), (-2, -1), (-1, 1))]


def test_an_interrupted_writing_leaves_what_was_there(tmp_path):
    write_all(tmp_path, {"a": "old", "b": "old"})
    with pytest.raises(TypeError):
        write_all(tmp_path, {"a": "new", "b": None})

    assert {"a": "old", "b": "old"} == {path.name: path.read_text() for path in tmp_path.iterdir()}
