"""A network's own save_pretrained, from_pretrained and push_to_hub round-trip, and take only what is verified."""

from __future__ import annotations

import copy
import subprocess
import sys
from dataclasses import asdict, replace

import pytest

torch = pytest.importorskip("torch")

from mining_objects.checkpoints import Checkpoint, save_checkpoint  # noqa: E402
from mining_objects.errors import BrokenCheckpoint, HubFault  # noqa: E402
from mining_objects.models.lstm import INSTALLED_WEIGHTS, LstmConfig, LstmNetwork  # noqa: E402
from tests.support.hub_stand_in import hub_stand_in  # noqa: E402
from tests.support.sources import ROOT  # noqa: E402

THROUGH_THE_HUB = """
import pathlib, sys
from mining_objects.models.lstm import INSTALLED_WEIGHTS, LstmNetwork
LstmNetwork.from_checkpoint(INSTALLED_WEIGHTS).push_to_hub("alice/lstm", token="any")
back = LstmNetwork.from_pretrained("alice/lstm", revision="main", token="any")
back.save_checkpoint(pathlib.Path(sys.argv[1]))
"""


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


@pytest.fixture
def network():
    torch.manual_seed(3)
    made = LstmNetwork(LstmConfig(hidden=4, lookback=8, anchors=(1, 5)))
    made.provenance = {"until": "2025-01-01"}
    return made


def test_a_saved_network_comes_back_with_its_config_and_story(network, tmp_path):
    network.save_pretrained(tmp_path)
    back = LstmNetwork.from_pretrained(tmp_path)

    assert same(network, back)
    assert (network.config, network.provenance) == (back.config, back.provenance)
    assert {"card.json", "weights.safetensors", "config.json", "README.md"} == {p.name for p in tmp_path.iterdir()}


def test_installed_weights_are_such_a_folder_too(tmp_path):
    network = LstmNetwork.from_pretrained(INSTALLED_WEIGHTS)
    network.save_pretrained(tmp_path)

    assert (INSTALLED_WEIGHTS / "card.json").read_bytes() == (tmp_path / "card.json").read_bytes()
    assert same(network, copy.deepcopy(network))


def test_the_config_beside_the_card_is_for_the_hub_alone(network, tmp_path):
    network.save_pretrained(tmp_path)
    for told in ('{"hidden": 7}', "no JSON"):
        (tmp_path / "config.json").write_text(told)
        assert network.config == LstmNetwork.from_pretrained(tmp_path).config


def test_a_folder_with_nothing_but_a_pickle_is_refused_and_never_loaded(network, tmp_path):
    torch.save(network.state_dict(), tmp_path / "pytorch_model.bin")
    (tmp_path / "config.json").write_text("{}")

    with pytest.raises(BrokenCheckpoint, match=r"cannot read .*card\.json"):
        LstmNetwork.from_pretrained(tmp_path)


def test_a_damaged_file_is_refused(network, tmp_path):
    network.save_pretrained(tmp_path)
    payload = bytearray((tmp_path / "weights.safetensors").read_bytes())
    payload[-3] ^= 1
    (tmp_path / "weights.safetensors").write_bytes(payload)

    with pytest.raises(BrokenCheckpoint, match="damaged or exchanged"):
        LstmNetwork.from_pretrained(tmp_path)


def test_weights_that_do_not_fit_their_config_are_told_in_one_line_with_their_folder(network, tmp_path):
    tensors = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    save_checkpoint(tmp_path, Checkpoint("lstm", asdict(replace(network.config, hidden=5)), {}, tensors))

    with pytest.raises(BrokenCheckpoint, match=r"do not fit their card's config: .*size mismatch") as told:
        LstmNetwork.from_checkpoint(tmp_path)
    assert str(tmp_path) in str(told.value)
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 700


def test_nothing_is_fetched_when_only_local_files_may_be_used():
    with pytest.raises(HubFault, match="nothing may be fetched"):
        LstmNetwork.from_pretrained("alice/lstm", local_files_only=True)


@pytest.mark.processes
def test_a_network_goes_to_the_hub_and_back_with_the_same_bits(tmp_path):
    with hub_stand_in() as hub:
        variables = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}
        ran = subprocess.run(
            [sys.executable, "-c", THROUGH_THE_HUB, str(tmp_path / "back")],
            cwd=ROOT,
            env={"PATH": "", "HF_HUB_DISABLE_TELEMETRY": "1", **variables},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        pushed = set(hub.repositories.get("alice/lstm", ()))

    assert 0 == ran.returncode, ran.stderr
    assert {"card.json", "weights.safetensors", "config.json", "README.md"} == pushed
    for name in ("card.json", "weights.safetensors"):
        assert (INSTALLED_WEIGHTS / name).read_bytes() == (tmp_path / "back" / name).read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        {"hidden": 10**9},
        {"hidden": 4.0},
        {"hidden": True},
        {"layers": 0},
        {"lookback": -1},
        {"anchors": 5},
        {"anchors": [1, 1]},
        {"anchors": [0, 1]},
        {"anchors": [1]},
        {"anchors": ["1", "2"]},
        {"dropout": 1.0},
        {"dropout": float("nan")},
        {"largest_log_scale": 0},
        {"largest_log_scale": "2"},
        {"features": "return"},
        {"features": [1]},
    ],
)
def test_a_config_that_no_network_can_have_is_refused_before_one_is_built(change):
    card = {name: getattr(LstmConfig(), name) for name in LstmConfig.__dataclass_fields__} | change

    with pytest.raises(BrokenCheckpoint, match="out of bounds"):
        LstmNetwork.from_config(card)
