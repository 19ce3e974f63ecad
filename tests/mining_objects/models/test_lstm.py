"""The LSTM: determinism, causality, save and load, refusal of foreign weights, and what is said without torch."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest

from mining_objects import models
from mining_objects.cards import write_card
from mining_objects.errors import BrokenCheckpoint, MissingPackage

torch = pytest.importorskip("torch")

from mining_objects.models.lstm import INSTALLED_WEIGHTS, Z_GRID, Lstm, LstmConfig, LstmNetwork, tabulate_shape  # noqa: E402
from tests.support.windows import walk_window  # noqa: E402

WINDOW = walk_window(2_300, series="A", gaps=(2_000, 2_001))


@pytest.fixture(scope="module")
def installed():
    return models.create("lstm")


def _untrained(seed=1):
    torch.manual_seed(seed)
    config = LstmConfig(lookback=8, hidden=4)
    network = LstmNetwork(config)
    for values in network.scale_head.parameters():
        torch.nn.init.normal_(values, std=0.3)
    return Lstm(config, network)


def test_installed_weights_are_small_and_answer_both_challenges(installed):
    size = sum(path.stat().st_size for path in INSTALLED_WEIGHTS.iterdir())
    answer = installed.forecast([WINDOW], steps=100, paths=256, seed=3, lead=1)[0]

    assert size < 1_000_000
    assert ((100,), (256, 100)) == (answer.point.shape, answer.paths.shape)
    assert answer.paths.std(axis=0)[99] > answer.paths.std(axis=0)[0] > 0


def test_installed_weights_saw_nothing_of_2025():
    training = json.loads((INSTALLED_WEIGHTS / "card.json").read_text())["training"]

    assert training["data"]["until"] <= "2025-01-01"
    assert training["data"]["embargo_steps"] >= max(LstmConfig().anchors)


def test_the_same_seed_gives_the_same_bits(installed):
    first, again = (installed.forecast([WINDOW], steps=20, paths=64, seed=3)[0] for _ in range(2))
    other = installed.forecast([WINDOW], steps=20, paths=64, seed=4)[0]

    np.testing.assert_array_equal(first.paths, again.paths)
    np.testing.assert_array_equal(first.point, again.point)
    assert not np.array_equal(first.paths, other.paths)


def test_a_batch_answers_like_each_window_alone(installed):
    second = walk_window(2_300, series="B", seed=9)
    together = installed.forecast([WINDOW, second], steps=20, paths=64, seed=3)
    alone = [installed.forecast([w], steps=20, paths=64, seed=3)[0] for w in (WINDOW, second)]

    for got, want in zip(together, alone, strict=True):
        np.testing.assert_allclose(want.paths, got.paths, rtol=1e-4, atol=1e-7)


def test_the_newest_candle_is_used_and_no_later_one_is():
    model = _untrained()
    changed = replace(WINDOW, close=np.where(np.arange(len(WINDOW)) == 2_250, WINDOW.close * 1.01, WINDOW.close))
    before = [model.forecast([w.rows(0, 2_250)], steps=5, paths=16, seed=1)[0].paths for w in (WINDOW, changed)]
    after = [model.forecast([w.rows(0, 2_251)], steps=5, paths=16, seed=1)[0].paths for w in (WINDOW, changed)]

    np.testing.assert_array_equal(*before)
    assert not np.array_equal(*after)


def test_deviations_grow_along_the_steps_and_go_on_past_the_last_anchor():
    model = _untrained()
    _, deviation = model.along_steps(np.zeros(12), np.linspace(0.5, -1.5, 12), 1e-3, 150)

    assert (np.diff(deviation) >= 0).all()
    np.testing.assert_allclose(1e-3 * np.exp(0.5), deviation[0])


def test_paths_have_the_deviation_and_the_tails_they_should_have():
    model = _untrained()
    fat = np.sign(Z_GRID) * np.abs(Z_GRID) ** 1.3
    model._shape = np.tile(fat, (12, 1))
    walk = model._bent_walk(1e-3 * np.sqrt(np.arange(1, 51)), 40_000, np.random.default_rng(1))
    scores = walk / (1e-3 * np.sqrt(np.arange(1, 51)))

    np.testing.assert_allclose(0.0, walk.mean(axis=0), atol=1e-12)
    for z in (0.674, 1.645, 2.326):
        level = 0.5 * (1 + torch.erf(torch.tensor(z / 2**0.5)).item())
        np.testing.assert_allclose(z**1.3, np.quantile(scores, level, axis=0), rtol=0.05)


def test_the_shape_table_of_normal_residuals_is_the_identity():
    table = tabulate_shape(np.random.default_rng(2).standard_normal((200_000, 2)))
    inner = np.abs(Z_GRID) <= 2

    np.testing.assert_allclose(np.tile(Z_GRID[inner], (2, 1)), table[:, inner], atol=0.03)


def test_saved_weights_answer_as_before(tmp_path):
    model = _untrained()
    model.save(tmp_path, {"seed": 1})
    loaded = models.create("lstm", weights=tmp_path)

    np.testing.assert_array_equal(*(m.forecast([WINDOW], steps=10, paths=16, seed=1)[0].paths for m in (model, loaded)))


@pytest.fixture
def copied(tmp_path):
    return shutil.copytree(INSTALLED_WEIGHTS, tmp_path / "lstm")


def test_damaged_weights_are_refused(copied):
    payload = bytearray((copied / "weights.safetensors").read_bytes())
    payload[5_000] ^= 4
    (copied / "weights.safetensors").write_bytes(payload)

    with pytest.raises(BrokenCheckpoint, match="SHA-256"):
        models.create("lstm", weights=copied)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"hidden": 32}, "do not fit"),
        ({"features": ["retrun"]}, "other features.*did you mean .return"),
        ({"features": ["return"]}, "do not fit"),
        ({"surprise": 1}, "fields"),
    ],
)
def test_weights_of_another_shape_features_or_version_are_refused(copied, change, sentence):
    card = json.loads((copied / "card.json").read_text())
    card["config"] |= change
    write_card(copied, card)

    with pytest.raises(BrokenCheckpoint, match=sentence):
        models.create("lstm", weights=copied)


def test_weights_that_hold_nan_are_refused(tmp_path):
    model = _untrained()
    model.network.mean_head.bias.data[0] = float("nan")
    model.save(tmp_path, {})

    with pytest.raises(BrokenCheckpoint, match="not finite"):
        models.create("lstm", weights=tmp_path)


def test_without_torch_the_others_run_and_lstm_says_what_to_install(monkeypatch):
    for name in [n for n in sys.modules if n == "torch" or n.startswith(("torch.", "mining_objects.models.lstm"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(sys, "meta_path", [_NoTorch(), *sys.meta_path])

    with pytest.raises(MissingPackage, match=r"needs torch, .* pip install 'augury\[miner\]'"):
        models.create("lstm")
    assert "ewma" == models.create("ewma").name


class _NoTorch:
    """An import system on which torch is not installed."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name="torch")


def test_classical_models_are_created_without_importing_torch():
    import subprocess

    code = "import sys; from mining_objects import models; models.create('ewma'); print('torch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert "False" == told.stdout.strip()
