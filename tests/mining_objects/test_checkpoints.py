"""Weights come back as they were saved; damaged, foreign and exchanged ones are refused with a clear error."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from mining_objects.checkpoints import CARD_NAME, WEIGHTS_NAME, Checkpoint, load_checkpoint, save_checkpoint
from mining_objects.errors import BrokenCheckpoint

CHECKPOINT = Checkpoint(
    model="toy", config={"hidden": 3}, training={"seed": 1}, tensors={"w": np.arange(6, dtype=np.float32).reshape(2, 3)}
)


@pytest.fixture
def folder(tmp_path):
    save_checkpoint(tmp_path / "toy", CHECKPOINT)
    return tmp_path / "toy"


def _edit_card(folder, **fields):
    card = json.loads((folder / CARD_NAME).read_text()) | fields
    (folder / CARD_NAME).write_text(json.dumps(card))


def test_what_was_saved_is_loaded(folder):
    loaded = load_checkpoint(folder, model="toy")

    assert (CHECKPOINT.config, CHECKPOINT.training) == (loaded.config, loaded.training)
    np.testing.assert_array_equal(CHECKPOINT.tensors["w"], loaded.tensors["w"])


def test_a_single_flipped_bit_is_noticed(folder):
    payload = bytearray((folder / WEIGHTS_NAME).read_bytes())
    payload[-1] ^= 1
    (folder / WEIGHTS_NAME).write_bytes(payload)

    with pytest.raises(BrokenCheckpoint, match="damaged or exchanged"):
        load_checkpoint(folder, model="toy")


def test_a_pickle_is_refused_and_never_run(folder, tmp_path):
    import hashlib

    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "trap"), "w"))

    payload = pickle.dumps(Trap())
    (folder / WEIGHTS_NAME).write_bytes(payload)
    _edit_card(folder, sha256=hashlib.sha256(payload).hexdigest())

    with pytest.raises(BrokenCheckpoint, match="no safetensors"):
        load_checkpoint(folder, model="toy")
    assert not (tmp_path / "trap").exists()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"model": "other"}, "holds a 'other' model, not 'toy'"),
        ({"format": "somebody/else"}, "no card of format"),
        ({"config": 3}, "lacks its config"),
        ({"sha256": None}, "damaged or exchanged"),
    ],
)
def test_a_foreign_card_is_refused(folder, fields, sentence):
    _edit_card(folder, **fields)

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
