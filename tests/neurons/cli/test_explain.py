"""`augury explain`: the arithmetic as a person and a machine get it, and what it says before there is any."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from neurons.cli.arithmetic import worked
from protocol.messages import ExplainLine
from protocol.units import NANO
from tests.support.sample_database import HOTKEYS

TOLD, FLAT, ERRING = (HOTKEYS[name].hex() for name in ("told", "flat", "erring"))
WORKED = ["your loss", "gain", "lower bound", "proven skill", "divisor", "shared skill", "for skill", "accrued"]


def lines_of(sample, *arguments: str) -> list[ExplainLine]:
    return [ExplainLine(**line) for line in sample.json("explain", *arguments)["lines"]]


def test_latest_is_the_newest_settled_round_and_prefixes_are_enough(sample):
    explained = sample.json("explain", "latest", TOLD[:4])
    assert TOLD == explained["hotkey"]
    identity = explained["round_id"]
    assert explained == sample.json("explain", identity[:8], TOLD)
    assert explained == sample.json("explain", identity.upper(), TOLD[:8].upper())
    of_paths = sample.json("explain", "latest", TOLD[:4], "--challenge", "closes.paths")
    assert "closes.paths" in of_paths["lines"][0]["note"]


@pytest.mark.parametrize("challenge", ["closes.point", "closes.paths"])
def test_every_formula_agrees_with_the_lines_that_it_is_made_of(sample, challenge):
    lines = lines_of(sample, "latest", TOLD, "--challenge", challenge)
    steps = worked(lines)
    assert WORKED == [step.name for step in steps]
    assert [] == [step for step in steps if not step.agrees]


@pytest.mark.parametrize("name", WORKED)
def test_a_line_that_is_not_what_its_formula_gives_is_seen(sample, name):
    lines = lines_of(sample, "latest", TOLD, "--challenge", "closes.paths")
    altered = [replace(line, value=line.value + NANO // 1_000) if line.name == name else line for line in lines]
    assert name in [step.name for step in worked(altered) if not step.agrees]


def test_groups_of_steps_together_make_the_loss(sample):
    by_step = [line for line in lines_of(sample, "latest", TOLD) if line.section == "loss by step"]
    for whose in ("yours", "baseline"):
        *groups, whole = [line for line in by_step if line.name.endswith(whose)]
        counts = [int(re.findall(r"mean of (\d+)", line.note)[0]) for line in groups]
        mean = sum(count * line.value for count, line in zip(counts, groups, strict=True)) / sum(counts)
        assert whole.value == pytest.approx(mean, abs=2)
    found = {(line.section, line.name): line.value for line in lines_of(sample, "latest", TOLD)}
    assert found["loss", "baseline loss"] == found["loss by step", "all steps, baseline"]


def test_a_person_reads_every_section_with_all_its_digits(sample):
    shown = sample.run("explain", "latest", TOLD[:8]).stdout
    for section in ("Round", "Loss", "Loss by step", "Memory", "Shared with", "Sharing", "Pay", "By hand"):
        assert re.search(rf"^{section} *$", shown, re.M), section
    assert re.search(r"your loss +\d\.\d{9} ", shown)
    assert re.search(r"anchor instant +2025-06-1\dT\d\d:\d\d:00Z", shown)
    assert re.search(r"accrued +\d+\.\d{6} ", shown)
    assert re.search(r"gain +\d\.\d{9} - \d\.\d{9} = \d\.\d{9}, \+\d+\.\d\d% of the", shown)
    assert "DIFFERS" not in shown
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_a_paid_round_says_when_and_what_its_epoch_paid(sample):
    oldest = sample.json("rounds", "--state", "final", "--challenge", "closes.point", "--limit", "1000")[-1]
    found = {line.name: line for line in lines_of(sample, oldest["round_id"], TOLD) if line.section == "pay"}
    assert found["accrued"].value == found["paid"].value
    assert found["epoch paid"].value >= found["paid"].value
    assert "ms" == found["epoch closed"].unit


def test_a_refused_answer_costs_the_cap_and_its_sentence_is_told(sample):
    oldest = sample.json("rounds", "--state", "final", "--challenge", "closes.point", "--limit", "1000")[-1]
    lines = {(line.section, line.name): line for line in lines_of(sample, oldest["round_id"], ERRING)}
    assert lines["loss", "cap"].value == lines["loss", "your loss"].value
    assert "want shape (1 to 1, 24), was (1, 23)" == lines["loss", "refused"].note
    assert 0 == lines["pay", "accrued"].value


@pytest.mark.parametrize("hotkey", [TOLD, TOLD[:8]])
def test_before_the_round_resolves_there_is_one_sentence_and_exit_code_2(sample, hotkey):
    waiting = sample.json("rounds", "--state", "scoring", "--limit", "1")[0]["round_id"]
    refused = sample.run("explain", waiting[:10], hotkey)
    sentence = f"augury: round {waiting[:8]} is scoring; its answers are told once it has resolved\n"
    assert (2, "", sentence) == (refused.exit_code, refused.stdout, refused.stderr)


def test_what_is_not_there_or_not_clear_is_said(sample):
    refused = {
        "no round begins with 00000000": ("0000000000", TOLD),
        "no hotkey of closes.point on BTC-USD begins with 00000000": ("latest", "000000000000"),
        "rounds begin with": ("a", TOLD),
        "the first of its 64 hex digits": ("newest", TOLD),
        "was not asked in round": ("latest", "00" * 32),
    }
    for sentence, arguments in refused.items():
        ran = sample.run("explain", *arguments)
        assert 2 == ran.exit_code
        assert sentence in ran.stderr
        assert 1 == len(ran.stderr.splitlines())
