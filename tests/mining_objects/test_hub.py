"""Models travel bit by bit, through folders and a hub's HTTP; what is damaged, forged or may run code never arrives."""

from __future__ import annotations

import json
import shutil
import sys

import huggingface_hub.constants
import numpy as np
import pytest

import mining_objects
from mining_objects import hub, models
from mining_objects.cards import read_any_card, write_card
from mining_objects.checkpoints import Checkpoint, save_checkpoint
from mining_objects.errors import BrokenCheckpoint, HubFault, MissingPackage, UnsafeModelFile, UnwritableFolder
from mining_objects.hub import Repository, place_of, pull, push, verify
from mining_objects.installed_weights import installed_weights
from protocol.errors import InvalidSetting
from protocol.keys import SigningKey
from tests.support.hub_stand_in import hub_stand_in
from tests.support.windows import walk_window

ALICE, BOB = SigningKey.from_seed(bytes(32)), SigningKey.from_seed(b"\1" * 32)
REPOSITORY = Repository("alice/toy")


@pytest.fixture
def standing_in(monkeypatch):
    """A hub on loopback. xet, the hub's other way to store large files, is not spoken there."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    with hub_stand_in() as there:
        yield there


@pytest.fixture
def folder(tmp_path):
    """A checkpoint with what a training leaves beside it."""
    path = tmp_path / "mine"
    tensors = {"w": np.arange(6, dtype=np.float32)}
    save_checkpoint(path, Checkpoint("toy", {"hidden": 3}, {"until": "2025-01-01"}, tensors))
    for name in ("README.md", "skill.png", "metrics.json", "resume.safetensors", ".hidden", "notes.txt"):
        (path / name).write_bytes(name.encode())
    return path


def bits(path):
    return {file.name: file.read_bytes() for file in path.iterdir()}


SHARED = {"card.json", "weights.safetensors", "README.md", "skill.png", "metrics.json"}


def test_a_folder_travels_bit_by_bit_through_a_folder(folder, tmp_path):
    assert str(tmp_path / "out" / "toy") == push(folder, tmp_path / "out" / "toy")
    pulled = pull(tmp_path / "out" / "toy", tmp_path / "theirs")

    assert {name: content for name, content in bits(folder).items() if name in SHARED} == bits(tmp_path / "theirs")
    assert ("toy", None) == (pulled.model, pulled.author)
    assert tmp_path / "theirs" == pulled.folder


def test_a_folder_travels_bit_by_bit_through_the_hub(folder, tmp_path, standing_in):
    where = push(folder, REPOSITORY, endpoint=standing_in.address, token="any")
    pulled = pull(place_of(where), tmp_path / "theirs", endpoint=standing_in.address, token=False)

    assert {name: content for name, content in bits(folder).items() if name in SHARED} == bits(tmp_path / "theirs")
    assert f"hf:alice/toy@{standing_in.commit_of('alice/toy')}" == where
    assert read_any_card(folder)["card_sha256"] == pulled.checksum
    assert {"mine", "theirs"} == {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("name", ["har", "stack", "lstm", "tcn"])
def test_installed_models_answer_with_the_same_bits_after_the_journey(name, tmp_path, standing_in):
    pytest.importorskip("torch")
    where = push(installed_weights(name), REPOSITORY, endpoint=standing_in.address, token="any")
    pull(place_of(where), tmp_path / "theirs", endpoint=standing_in.address, token=False)
    window = walk_window(9_000)
    here, there = (
        model.forecast([window], steps=30, paths=64, seed=1, lead=1)[0]
        for model in (models.create(name), models.create(name, weights=tmp_path / "theirs"))
    )

    assert here.paths.tobytes() == there.paths.tobytes()
    assert here.point.tobytes() == there.point.tobytes()


def test_a_copy_is_signed_and_the_folder_left_as_it_was(folder, tmp_path):
    before = bits(folder)
    push(folder, tmp_path / "out", key=ALICE)

    assert before == bits(folder)
    assert verify(folder).author is None
    assert ALICE.hotkey == verify(tmp_path / "out", author=ALICE.hotkey).author
    assert verify(folder).checksum == verify(tmp_path / "out").checksum


def test_a_model_that_somebody_else_signed_or_nobody_is_refused_when_an_author_is_wanted(folder, tmp_path):
    push(folder, tmp_path / "out", key=BOB)

    with pytest.raises(BrokenCheckpoint, match=f"signed by {BOB.hotkey.hex()}, not by {ALICE.hotkey.hex()}"):
        pull(tmp_path / "out", tmp_path / "theirs", author=ALICE.hotkey)
    with pytest.raises(BrokenCheckpoint, match="signed by nobody"):
        pull(folder, tmp_path / "theirs", author=ALICE.hotkey)
    assert not (tmp_path / "theirs").exists()


def test_a_file_damaged_on_the_way_is_told_with_both_checksums_and_nothing_is_left(folder, tmp_path, standing_in):
    push(folder, REPOSITORY, endpoint=standing_in.address, token="any")
    standing_in.spoiled.add("weights.safetensors")

    with pytest.raises(BrokenCheckpoint, match=r"damaged or exchanged: SHA-256 .* but the card says") as refused:
        pull(REPOSITORY, tmp_path / "theirs", endpoint=standing_in.address, token=False)
    assert read_any_card(folder)["sha256"] in str(refused.value)
    assert ["mine"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("pytorch_model.bin", "may be a pickle"),
        ("old/weights.PT", "may be a pickle"),
        ("state.pkl", "may be a pickle"),
        ("../escaped.json", "leads out"),
        ("a/../../card.json", "leads out"),
        ("/etc/card.json", "leads out"),
        ("a\\..\\card.json", "leads out"),
        ("card\n.json", "leads out"),
    ],
)
def test_a_repository_with_a_pickle_or_a_path_out_of_it_is_refused_before_anything_is_fetched(
    path, sentence, folder, tmp_path, standing_in
):
    push(folder, REPOSITORY, endpoint=standing_in.address, token="any")
    standing_in.repositories["alice/toy"][path] = b"x"
    standing_in.asked.clear()

    with pytest.raises(UnsafeModelFile, match=sentence):
        pull(REPOSITORY, tmp_path / "theirs", endpoint=standing_in.address, token=False)
    assert [] == [asked for asked in standing_in.asked if "/resolve/" in asked]
    assert ["mine"] == [one.name for one in tmp_path.iterdir()]


@pytest.mark.parametrize(("name", "size"), [("card.json", 1_000_001), ("weights.safetensors", 2**30 + 1)])
def test_a_file_that_says_it_is_too_large_is_not_fetched(name, size, folder, tmp_path, standing_in):
    push(folder, REPOSITORY, endpoint=standing_in.address, token="any")
    standing_in.sizes[name] = size

    with pytest.raises(UnsafeModelFile, match=f"{name} has {size:,} bytes"):
        pull(REPOSITORY, tmp_path / "theirs", endpoint=standing_in.address, token=False)


def test_a_repository_of_very_many_files_is_no_model(folder, tmp_path, standing_in):
    push(folder, REPOSITORY, endpoint=standing_in.address, token="any")
    standing_in.repositories["alice/toy"].update({f"{i}.txt": b"" for i in range(200)})

    with pytest.raises(UnsafeModelFile, match="more than 200 files"):
        pull(REPOSITORY, tmp_path / "theirs", endpoint=standing_in.address, token=False)


def test_a_file_larger_than_it_said_is_refused(folder, tmp_path, standing_in):
    push(folder, REPOSITORY, endpoint=standing_in.address, token="any")
    standing_in.repositories["alice/toy"]["README.md"] = b"x" * (hub.LARGEST_BESIDE + 1)
    standing_in.sizes["README.md"] = 10

    with pytest.raises((UnsafeModelFile, HubFault)):
        pull(REPOSITORY, tmp_path / "theirs", endpoint=standing_in.address, token=False)
    assert not (tmp_path / "theirs").exists()


def test_a_link_in_a_folder_is_refused(folder, tmp_path):
    (tmp_path / "secret").write_text("mine alone")
    (folder / "README.md").unlink()
    (folder / "README.md").symlink_to(tmp_path / "secret")

    for refuse in (
        lambda: verify(folder),
        lambda: push(folder, tmp_path / "out"),
        lambda: pull(folder, tmp_path / "in"),
    ):
        with pytest.raises(UnsafeModelFile, match="neither a file nor a folder"):
            refuse()


def test_a_pickle_in_a_folder_of_ones_own_is_not_given_away(folder, tmp_path):
    (folder / "optimiser.pt").write_bytes(b"x")

    with pytest.raises(UnsafeModelFile, match="may be a pickle"):
        push(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_fails_a_check_is_neither_given_nor_taken(folder, tmp_path):
    def refuse(found):
        assert "toy" == found.model
        raise BrokenCheckpoint("does not load")

    for give_or_take in (push, pull):
        with pytest.raises(BrokenCheckpoint, match="does not load"):
            give_or_take(folder, tmp_path / "theirs", check=refuse)
    assert ["mine"] == [path.name for path in tmp_path.iterdir()]


def test_what_is_wrong_with_a_folder_is_told_by_its_own_name_and_not_by_a_copys(folder, tmp_path):
    (folder / "weights.safetensors").write_bytes(b"other")

    with pytest.raises(BrokenCheckpoint, match=r"mine/weights\.safetensors is damaged"):
        pull(folder, tmp_path / "theirs")
    with pytest.raises(BrokenCheckpoint, match=r"mine/weights\.safetensors is damaged"):
        push(folder, tmp_path / "theirs")


def test_a_picture_beyond_its_limit_is_found_by_verify_too(folder):
    with (folder / "skill.png").open("r+b") as file:
        file.truncate(10_000_001)

    with pytest.raises(UnsafeModelFile, match=r"skill\.png has 10,000,001 bytes"):
        verify(folder)


def test_a_place_that_cannot_be_written_is_one_sentence(folder, tmp_path):
    (tmp_path / "taken").write_text("a file")

    for refuse in (push, pull):
        with pytest.raises(UnwritableFolder, match="taken/toy cannot be written: File exists"):
            refuse(folder, tmp_path / "taken" / "toy")


def test_nothing_is_ever_overwritten(folder, tmp_path):
    (tmp_path / "there").mkdir()

    for refuse in (lambda: push(folder, tmp_path / "there"), lambda: pull(folder, tmp_path / "there")):
        with pytest.raises(InvalidSetting, match="never overwritten"):
            refuse()


def test_a_format_that_no_model_has_or_a_newer_one_is_refused(folder):
    card = json.loads((folder / "card.json").read_text())
    for said, sentence in (("augury/poem/1", "no model has format"), ("augury/checkpoint/3", "a newer version wrote")):
        write_card(folder, card | {"format": said})
        with pytest.raises(BrokenCheckpoint, match=sentence):
            verify(folder)


def test_a_folder_without_a_card_or_no_folder_is_refused(folder, tmp_path):
    (folder / "card.json").unlink()

    with pytest.raises(BrokenCheckpoint, match="cannot read"):
        verify(folder)
    with pytest.raises(BrokenCheckpoint, match="is no folder"):
        pull(tmp_path / "nowhere", tmp_path / "theirs")


def test_what_the_hub_refuses_is_one_sentence(folder, tmp_path, standing_in):
    with pytest.raises(HubFault, match="RepositoryNotFoundError"):
        pull(REPOSITORY, tmp_path / "theirs", endpoint=standing_in.address, token=False)
    with pytest.raises(HubFault, match="401 Unauthorized"):
        push(folder, REPOSITORY, endpoint=standing_in.address, token=False)
    address = standing_in.address
    with pytest.raises(HubFault, match="ConnectError"):
        pull(REPOSITORY, tmp_path / "theirs", endpoint=address.rpartition(":")[0] + ":9", token=False)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("hf:alice/toy", Repository("alice/toy", "main")),
        ("hf:a-b/c.d_e@v1.0", Repository("a-b/c.d_e", "v1.0")),
        ("hf:alice/toy@refs/pr/3", Repository("alice/toy", "refs/pr/3")),
    ],
)
def test_a_repository_is_read_from_text(text, place):
    assert place == place_of(text)
    assert place == place_of(str(place))


@pytest.mark.parametrize(
    "text",
    ["hf:", "hf:toy", "hf:a/b/c", "hf:../b", "hf:a/..", "hf:a/b@", "hf:a/b@../c", "hf:a/b c", "hf:a/b\n", "hf:ä/b"],
)
def test_a_text_that_names_no_repository_is_refused(text):
    with pytest.raises(InvalidSetting, match="hf:owner/name"):
        place_of(text)


def test_an_interrupted_pull_leaves_nothing(folder, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "copyfile", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pull(folder, tmp_path / "theirs")
    assert ["mine"] == [path.name for path in tmp_path.iterdir()]


def test_without_the_extras_packages_one_sentence_says_what_to_install(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mining_objects.checkpoints", None)
    monkeypatch.delattr(mining_objects, "checkpoints")
    with pytest.raises(MissingPackage, match=r"weights.safetensors needs .*: pip install 'augury\[miner\]'"):
        verify(folder)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingPackage, match="hf:alice/toy@main needs huggingface_hub"):
        pull(REPOSITORY, tmp_path / "theirs")
    assert "har" == verify(installed_weights("har")).model
