"""Weights come back as they were saved; damaged, foreign and exchanged ones are refused with a clear error."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mining_objects.cards import CARD_NAME, WEIGHTS_NAME, write_card
from mining_objects.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from mining_objects.errors import BrokenCheckpoint

CHECKPOINT = Checkpoint(
    model="toy", config={"hidden": 3}, training={"seed": 1}, tensors={"w": np.arange(6, dtype=np.float32).reshape(2, 3)}
)


@pytest.fixture
def folder(tmp_path):
    save_checkpoint(tmp_path / "toy", CHECKPOINT)
    return tmp_path / "toy"


def _write_card_anew(folder, **fields):
    """A card that says something else and is sound in itself: what a stranger could make."""
    write_card(folder, json.loads((folder / CARD_NAME).read_text()) | fields)


def test_what_was_saved_is_loaded(folder):
    loaded = load_checkpoint(folder, model="toy")

    assert (CHECKPOINT.config, CHECKPOINT.training) == (loaded.config, loaded.training)
    np.testing.assert_array_equal(CHECKPOINT.tensors["w"], loaded.tensors["w"])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([CARD_NAME, WEIGHTS_NAME]), st.integers(0, 10**6), st.integers(1, 255))
def test_a_byte_that_changes_anywhere_is_noticed(tmp_path_factory, name, place, flip):
    folder = tmp_path_factory.mktemp("flipped")
    save_checkpoint(folder, CHECKPOINT)
    payload = bytearray((folder / name).read_bytes())
    payload[place % len(payload)] ^= flip
    (folder / name).write_bytes(payload)

    with pytest.raises(BrokenCheckpoint):
        load_checkpoint(folder, model="toy")
    shutil.rmtree(folder)


def test_damaged_weights_are_told_with_their_file_and_both_checksums(folder):
    was = json.loads((folder / CARD_NAME).read_text())["sha256"]
    payload = (folder / WEIGHTS_NAME).read_bytes()[:-1] + b"\x07"
    (folder / WEIGHTS_NAME).write_bytes(payload)

    with pytest.raises(BrokenCheckpoint, match="damaged or exchanged") as refused:
        load_checkpoint(folder, model="toy")
    for said in (str(folder / WEIGHTS_NAME), hashlib.sha256(payload).hexdigest(), was):
        assert said in str(refused.value)


def test_a_pickle_is_refused_and_never_run(folder, tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "trap"), "w"))

    payload = pickle.dumps(Trap())
    (folder / WEIGHTS_NAME).write_bytes(payload)
    _write_card_anew(folder, sha256=hashlib.sha256(payload).hexdigest())

    with pytest.raises(BrokenCheckpoint, match="no safetensors file"):
        load_checkpoint(folder, model="toy")
    assert not (tmp_path / "trap").exists()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"model": "other"}, "holds a 'other' model, not 'toy'"),
        ({"format": "somebody/else"}, "no card of format"),
        (
            {"format": "augury/fitted/2"},
            "holds a 'toy' model of format augury/fitted/2, where one of augury/checkpoint/2",
        ),
        ({"format": "augury/checkpoint/3"}, "a newer version wrote; .*: upgrade augury"),
        ({"format": "augury/checkpoint/1"}, "an older version wrote; .*: save the model anew"),
        ({"config": 3}, "lacks its config"),
        ({"sha256": None}, "damaged or exchanged"),
    ],
)
def test_a_foreign_card_is_refused(folder, fields, sentence):
    _write_card_anew(folder, **fields)

    with pytest.raises(BrokenCheckpoint, match=sentence):
        load_checkpoint(folder, model="toy")


@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_a_card_that_is_none_is_refused(folder, content):
    (folder / CARD_NAME).write_text(content)

    with pytest.raises(BrokenCheckpoint):
        load_checkpoint(folder, model="toy")


@pytest.mark.parametrize("name", [CARD_NAME, WEIGHTS_NAME])
def test_an_absent_file_is_named(folder, name):
    (folder / name).unlink()

    with pytest.raises(BrokenCheckpoint, match=f"cannot read .*{name}"):
        load_checkpoint(folder, model="toy")
