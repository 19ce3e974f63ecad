"""docs/params.md is what the parameters are, and no figure goes without a sentence."""

from __future__ import annotations

from protocol.params import MAIN
from runnable.params_page import render, rows
from tests.support.sources import ROOT


def test_the_params_page_is_what_the_params_say():
    assert render() == (ROOT / "docs/params.md").read_text(encoding="utf-8"), "run: make docs"


def test_every_figure_is_on_the_page_with_its_meaning():
    told = {name: meaning for name, _, meaning in rows()}
    assert "closes.paths.asked_paths" in told
    assert len(MAIN.challenges) * 5 == sum(name.startswith("closes.") for name in told)
    assert [] == [name for name, meaning in told.items() if not meaning]
