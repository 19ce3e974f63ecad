"""Fitted numbers in a readable card: kept to six digits, refused when edited, foreign or of another shape."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mining_objects.cards import write_card
from mining_objects.errors import BrokenCheckpoint
from mining_objects.fitted_cards import load_card, save_card

SHAPES = {"weights": (2, 3)}
NUMBERS = {"weights": np.array([[1.0, 1 / 3, -2e-9], [123456.789, 0.0, 5.0]])}


@pytest.fixture
def folder(tmp_path):
    save_card(tmp_path, model="har", numbers=NUMBERS, training={"until": "2025-01-01"})
    return tmp_path


def test_numbers_come_back_to_six_digits(folder):
    found = load_card(folder, model="har").numbers(SHAPES)["weights"]

    np.testing.assert_allclose(NUMBERS["weights"], found, rtol=5e-6)
    assert 0.333333 == found[0, 1]


def test_an_edited_number_is_refused(folder):
    card = (folder / "card.json").read_text()
    (folder / "card.json").write_text(card.replace("0.333333", "0.333334"))

    with pytest.raises(BrokenCheckpoint, match="damaged or edited"):
        load_card(folder, model="har").numbers(SHAPES)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda card: card.pop("settings"), "lacks its settings"),
        (lambda card: card.update(model="garch"), "'garch' model, not 'har'"),
        (lambda card: card.update(format="augury/checkpoint/1"), "where one of augury/fitted/2 belongs"),
    ],
)
def test_a_foreign_card_is_refused(folder, change, sentence):
    card = json.loads((folder / "card.json").read_text())
    change(card)
    write_card(folder, card)

    with pytest.raises(BrokenCheckpoint, match=sentence):
        load_card(folder, model="har").numbers(SHAPES)


def test_an_absent_unreadable_or_misshapen_card_is_refused(folder, tmp_path):
    with pytest.raises(BrokenCheckpoint, match="want \\(3, 3\\)"):
        load_card(folder, model="har").numbers({"weights": (3, 3)})
    with pytest.raises(BrokenCheckpoint, match="want \\['season'\\]"):
        load_card(folder, model="har").numbers({"season": (3, 3)})
    with pytest.raises(BrokenCheckpoint, match="No such file"):
        load_card(tmp_path / "nowhere", model="har").numbers(SHAPES)
    (folder / "card.json").write_text("{")
    with pytest.raises(BrokenCheckpoint, match="no JSON"):
        load_card(folder, model="har").numbers(SHAPES)


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    save_card(tmp_path, model="har", numbers={"weights": np.full((2, 3), np.nan)}, training={})

    with pytest.raises(BrokenCheckpoint, match="not finite"):
        load_card(tmp_path, model="har").numbers(SHAPES)
