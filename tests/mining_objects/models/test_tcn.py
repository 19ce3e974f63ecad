"""The TCN: it is one, it looks back alone, answers repeat, weights are saved, and broken cards are refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from mining_objects.cards import write_card
from mining_objects.errors import BrokenCheckpoint

torch = pytest.importorskip("torch")

from mining_objects import models  # noqa: E402
from mining_objects.base_mining_model import Window  # noqa: E402
from mining_objects.devices import pick_device  # noqa: E402
from mining_objects.installed_weights import installed_weights  # noqa: E402
from mining_objects.models.har import ANCHORS, stretched  # noqa: E402
from mining_objects.models.neural_har import known_at  # noqa: E402
from mining_objects.models.tcn import LARGEST_LOG_SCALE, Tcn, TcnConfig, TcnNetwork  # noqa: E402
from mining_objects.tcn_inputs import CANDLE, SHOWN, candle_columns  # noqa: E402
from tests.support.windows import STEP_MS, walk_window  # noqa: E402

CONFIG = TcnConfig(lookback=16, kernel=4, channels=3, hidden=4, members=2)
WINDOW = walk_window(8_640, series="A", gaps=(8_000, 8_001, 8_300))
accelerated = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="NO ACCELERATOR HERE: that CPU and GPU agree was NOT tried"
)


def random_tcn(seed=1, config=CONFIG, inference="torch"):
    """Weights far larger than learnt ones, so that every layer matters."""
    torch.manual_seed(seed)
    network = TcnNetwork(config)
    for values in network.parameters():
        torch.nn.init.normal_(values, std=0.15)
    network.input_mean.normal_(std=0.2)
    network.input_deviation.uniform_(0.5, 2.0)
    return Tcn(config, network, inference=inference)


def said(model, window, steps=100, paths=64, seed=1, lead=1):
    (answer,) = model.forecast([window], steps=steps, paths=paths, seed=seed, lead=lead)
    return answer.paths


@pytest.fixture(scope="module")
def installed():
    return models.create("tcn")


def test_installed_weights_are_small_and_saw_nothing_of_2025():
    folder = installed_weights("tcn")
    training = json.loads((folder / "card.json").read_text())["training"]

    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_000_000
    assert training["data"]["until"] <= "2025-01-01"
    assert training["data"]["embargo_steps"] > max(ANCHORS)


def test_installed_weights_answer_alike_on_both_engines(installed):
    eager, onnx = said(installed, WINDOW, steps=289), said(models.create("tcn", inference="onnx"), WINDOW, steps=289)

    assert ("torch on cpu", (64, 289)) == (installed.runs_on, eager.shape)
    assert np.abs(np.sort(eager, axis=0) - np.sort(onnx, axis=0)).max() < 1e-4 * eager[:, 0].std()


def test_a_louder_hour_spreads_the_next_one(installed):
    hour = WINDOW.close[-13] * np.exp(np.cumsum(4.0 * WINDOW.log_returns()[-12:]))
    loud = replace(WINDOW, close=np.concatenate([WINDOW.close[:-12], hour]))

    assert said(installed, loud)[:, 0].std() > 1.5 * said(installed, WINDOW)[:, 0].std()


@accelerated
def test_an_accelerator_answers_like_the_cpu(installed):
    on_gpu = said(models.create("tcn", device=pick_device("auto").type), WINDOW)

    np.testing.assert_allclose(np.sort(said(installed, WINDOW), axis=0), np.sort(on_gpu, axis=0), rtol=1e-3, atol=1e-7)


def test_it_computes_dilated_causal_convolutions_at_the_newest_candle():
    network = random_tcn().network.eval()
    inputs = torch.randn(3, CONFIG.lookback, SHOWN)
    normal = (inputs - network.input_mean) / network.input_deviation
    for member in range(CONFIG.members):
        seen = normal[:, :, : len(CANDLE)].transpose(1, 2)
        for depth, layer in enumerate(network.convolutions):
            taps = layer.weight[member].reshape(CONFIG.kernel, -1, CONFIG.channels).permute(2, 1, 0)
            dilation = CONFIG.kernel**depth
            padded = torch.nn.functional.pad(seen, (dilation * (CONFIG.kernel - 1), 0))
            convolved = torch.nn.functional.conv1d(padded, taps, layer.bias[member, 0], dilation=dilation)
            seen = torch.nn.functional.silu(convolved)
        known = normal[:, -1, len(CANDLE) :]
        hidden = torch.cat([seen[:, :, -1], known], dim=1)
        for layer in (network.first, network.second):
            hidden = torch.nn.functional.silu(hidden @ layer.weight[member] + layer.bias[member])
        bend = (hidden @ network.last.weight[member] + network.last.bias[member]) @ network.knot_shares

        torch.testing.assert_close(bend + network.start(known), network(inputs)[:, member], atol=1e-5, rtol=1e-4)


def test_an_untrained_network_says_the_scale_of_the_days_level_and_shape():
    assert not TcnNetwork(CONFIG)(torch.randn(4, CONFIG.lookback, SHOWN)).any()


def test_the_newest_candle_is_used_and_no_later_one_is():
    model = random_tcn()
    late = np.arange(len(WINDOW)) >= 8_500
    changed = replace(WINDOW, close=np.where(late, WINDOW.close * 1.01, WINDOW.close))

    np.testing.assert_array_equal(*(said(model, window.rows(0, 8_500)) for window in (WINDOW, changed)))
    assert not np.array_equal(*(said(model, window.rows(0, 8_501)) for window in (WINDOW, changed)))


def test_the_same_seed_gives_the_same_bits_also_beside_other_windows():
    model, other = random_tcn(), walk_window(8_640, seed=2, series="B")
    alone = said(model, WINDOW)
    _, beside = model.forecast([other, WINDOW], steps=100, paths=64, seed=1, lead=1)

    np.testing.assert_array_equal(alone, said(model, WINDOW))
    np.testing.assert_array_equal(alone, beside.paths)
    assert not np.array_equal(alone, said(model, WINDOW, seed=2))


def test_the_point_is_flat_and_the_law_symmetric_and_no_narrower_with_every_step():
    (answer,) = random_tcn().forecast([WINDOW], steps=289, paths=256, seed=1, lead=1)
    ordered = np.sort(answer.paths, axis=0)

    assert not answer.point.any()
    np.testing.assert_allclose(-ordered[::-1], ordered, atol=1e-7)
    assert answer.paths[:, 288].std() > answer.paths[:, 99].std() > answer.paths[:, 0].std() > 0.0
    assert np.corrcoef(answer.paths[:, 49], answer.paths[:, 50])[0, 1] > 0.95


def test_what_the_networks_say_stretches_the_scale_and_only_so_far():
    model, season = random_tcn(), np.ones(576)
    for values in model.network.parameters():
        values.data.zero_()
    plain, _ = model.law(WINDOW, season, 1, 100)
    model.network.start.bias.data += 0.3
    wider, _ = model.law(WINDOW, season, 1, 100)
    model.network.start.bias.data += 9.0
    widest, _ = model.law(WINDOW, season, 1, 100)

    np.testing.assert_allclose(np.exp(0.3), wider / plain, rtol=1e-6)
    np.testing.assert_allclose(np.exp(LARGEST_LOG_SCALE), widest / plain, rtol=1e-6)


def test_the_scale_is_that_of_the_networks_mean():
    model, season = random_tcn(), np.ones(576)
    for values in model.network.parameters():
        values.data.zero_()
    plain, _ = model.law(WINDOW, season, 1, 100)
    model.network.last.bias.data += torch.tensor([0.4, -0.1])[:, None, None]
    said_by_two, _ = model.law(WINDOW, season, 1, 100)

    np.testing.assert_allclose(np.exp(0.15), said_by_two / plain, rtol=1e-6)


def test_the_scale_is_in_units_of_the_newest_level_and_the_shape_ahead():
    model = random_tcn()
    season = np.random.default_rng(5).uniform(0.5, 2.0, 576)
    for values in model.network.parameters():
        values.data.zero_()
    known = known_at(WINDOW, season, np.ones((7, 288)), 1, np.array([0]), 1, max(ANCHORS))
    scale, _ = model.law(WINDOW, season, 1, 100)

    np.testing.assert_allclose(stretched(WINDOW, season, np.full(100, known.level[0]), 1), scale, rtol=1e-9)


def test_when_it_is_asked_it_sees_the_candles_up_to_each_row():
    model = random_tcn()
    newest = np.arange(3 * (SHOWN - len(CANDLE)), dtype=np.float32).reshape(3, -1)
    rows = np.array([5, 8_000, len(WINDOW) - 1])
    shown = model.inputs(WINDOW, newest, rows)
    candles = candle_columns(WINDOW, model.season)

    np.testing.assert_array_equal(newest, shown[:, -1, len(CANDLE) :])
    for place, row in enumerate(rows):
        seen = candles[max(0, row - CONFIG.lookback + 1) : row + 1]
        np.testing.assert_array_equal(seen, shown[place, -len(seen) :, : len(CANDLE)])
    assert not shown[0, : CONFIG.lookback - 6, : len(CANDLE)].any()


def test_holes_and_closes_without_anything_else_do_no_harm():
    model = random_tcn()
    holed = walk_window(8_640, series="A", gaps=(*range(7_000, 7_300), *range(8_600, 8_635), 8_639))
    e8 = {int(at) + STEP_MS: round(1e8 * close) for at, close in zip(WINDOW.open_time_ms, WINDOW.close, strict=True)
          if np.isfinite(close)}  # fmt: skip
    closes = Window.of_closes("A", STEP_MS, e8)

    assert np.isfinite(said(model, holed)).all()
    np.testing.assert_allclose(said(model, WINDOW), said(model, closes), rtol=1e-3, atol=1e-6)


def test_a_short_window_is_enough():
    model = random_tcn()

    assert (64, 100) == said(model, WINDOW.rows(0, model.least)).shape


def test_a_market_in_which_nothing_moves_is_answered_with_nothing():
    still = replace(WINDOW, close=np.full(len(WINDOW), 30_000.0))

    assert not said(random_tcn(), still).any()


@pytest.mark.parametrize("config", [CONFIG, TcnConfig(lookback=8, kernel=2, channels=5, hidden=3, members=1)])
@pytest.mark.parametrize("batch", [1, 5])
def test_the_graph_computes_what_the_torch_network_computes(config, batch):
    inputs = np.random.default_rng(3).standard_normal((batch, config.lookback, SHOWN)).astype(np.float32)
    (wanted,), (told,) = (random_tcn(config=config, inference=e).engine.run(inputs) for e in ("torch", "onnx"))

    assert (batch, config.members, len(ANCHORS)) == told.shape
    assert wanted.std() > 0.1
    np.testing.assert_allclose(wanted, told, atol=1e-5)


def test_saved_weights_answer_as_before(tmp_path):
    model = random_tcn()
    model.save(tmp_path, {"seed": 1})

    np.testing.assert_array_equal(said(model, WINDOW), said(Tcn.load(tmp_path), WINDOW))
    assert ("torch on cpu", "onnxruntime on cpu") == tuple(
        Tcn.load(tmp_path, inference=engine).runs_on for engine in ("torch", "onnx")
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"hidden": 8}, "do not fit"),
        ({"members": 3}, "do not fit"),
        ({"lookback": 17}, "out of bounds"),
        ({"channels": 10**9}, "out of bounds"),
        ({"kernel": 1}, "out of bounds"),
        ({"dropout": "much"}, "out of bounds"),
        ({"surprise": 1}, "fields"),
    ],
)
def test_weights_of_another_shape_or_version_are_refused(tmp_path, change, sentence):
    random_tcn().save(tmp_path, {})
    card = json.loads((tmp_path / "card.json").read_text())
    card["config"] |= change
    write_card(tmp_path, card)

    with pytest.raises(BrokenCheckpoint, match=sentence):
        Tcn.load(tmp_path)


def test_damaged_weights_and_weights_that_hold_nan_are_refused(tmp_path):
    model = random_tcn()
    model.save(tmp_path / "damaged", {})
    payload = bytearray((tmp_path / "damaged" / "weights.safetensors").read_bytes())
    payload[-9] ^= 4
    (tmp_path / "damaged" / "weights.safetensors").write_bytes(payload)
    model.network.start.bias.data[0] = float("nan")
    model.save(tmp_path / "nan", {})

    with pytest.raises(BrokenCheckpoint, match="SHA-256"):
        Tcn.load(tmp_path / "damaged")
    with pytest.raises(BrokenCheckpoint, match="not finite"):
        Tcn.load(tmp_path / "nan")
