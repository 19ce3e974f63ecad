"""Every engine computes the same network: onnxruntime like torch, an accelerator like the CPU, to a stated distance."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mining_objects import inference, models  # noqa: E402
from mining_objects.devices import pick_device  # noqa: E402
from mining_objects.errors import MissingPackage  # noqa: E402
from mining_objects.inference import runs_on_onnx  # noqa: E402
from mining_objects.models.lstm import Lstm, LstmConfig, LstmNetwork  # noqa: E402
from protocol.errors import InvalidSetting  # noqa: E402
from tests.support.windows import walk_window  # noqa: E402

NETWORK_TOLERANCE = 1e-5
"""Largest difference of a network's outputs, whose unit is the deviation they foretell."""
ANSWER_TOLERANCE = 1e-4
"""Largest difference of a quantile of the answer, over the deviation of the answer at that step."""
CPU = torch.device("cpu")
WINDOWS = [walk_window(2_300, seed=seed, series=f"S{seed}") for seed in range(4)]
accelerated = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="NO ACCELERATOR HERE: that CPU and GPU agree was NOT tried"
)


def random_network(layers, seed):
    """Weights far larger than learnt ones, so that every gate and bend matters."""
    torch.manual_seed(seed)
    config = LstmConfig(hidden=6, layers=layers, lookback=9)
    network = LstmNetwork(config).eval()
    for values in network.parameters():
        torch.nn.init.normal_(values, std=0.7)
    network.feature_mean.normal_()
    network.feature_deviation.uniform_(0.5, 2.0)
    return config, network


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("batch", [1, 5])
def test_the_graph_computes_what_the_torch_network_computes(layers, batch):
    config, network = random_network(layers, seed=layers)
    inputs = np.random.default_rng(3).standard_normal((batch, 9, 28)).astype(np.float32)
    wanted, told = (Lstm(config, network, inference=engine).engine.run(inputs) for engine in ("torch", "onnx"))

    assert [(batch, 12), (batch, 12)] == [part.shape for part in told]
    assert wanted[1].std() > 0.1
    for want, got in zip(wanted, told, strict=True):
        np.testing.assert_allclose(want, got, atol=NETWORK_TOLERANCE)


def assert_same_law(wanted, told):
    """Equal at every step up to the tolerance. Paths may swap ranks where two of them all but meet."""
    for want, got in zip(wanted, told, strict=True):
        deviation = want.paths.std(axis=0)
        far = np.abs(np.sort(want.paths, axis=0) - np.sort(got.paths, axis=0)) / deviation
        assert far.max() < ANSWER_TOLERANCE
        np.testing.assert_allclose(want.point / deviation, got.point / deviation, atol=ANSWER_TOLERANCE)


def test_installed_weights_answer_alike_on_both_engines_for_several_series_at_once():
    torch_s, onnx_s = (models.create("lstm", inference=engine) for engine in ("torch", "onnx"))

    assert ("torch on cpu", "onnxruntime on cpu") == (torch_s.runs_on, onnx_s.runs_on)
    assert_same_law(*(m.forecast(WINDOWS, steps=289, paths=128, seed=1, lead=1) for m in (torch_s, onnx_s)))


def test_onnx_gives_the_same_bits_each_time():
    first, again = (models.create("lstm", inference="onnx").forecast(WINDOWS, steps=50, paths=64, seed=1) for _ in "ab")

    assert [f.paths.tobytes() for f in first] == [f.paths.tobytes() for f in again]


def test_auto_takes_onnx_on_the_cpu_where_it_is_installed_and_torch_elsewhere(monkeypatch):
    assert runs_on_onnx("auto", CPU)
    assert not runs_on_onnx("auto", torch.device("cuda"))
    assert not runs_on_onnx("torch", CPU)
    monkeypatch.setattr(inference, "find_spec", lambda package: None)
    assert not runs_on_onnx("auto", CPU)


def test_onnx_that_cannot_be_had_is_refused_and_not_replaced(monkeypatch):
    with pytest.raises(InvalidSetting, match="for the CPU"):
        runs_on_onnx("onnx", torch.device("cuda"))
    with pytest.raises(InvalidSetting, match="inference = onnx can compute lstm, tcn, not 'ewma'"):
        models.create("ewma", inference="onnx")
    monkeypatch.setattr(inference, "find_spec", lambda package: None)
    with pytest.raises(MissingPackage, match=r"needs onnxruntime, .*augury\[miner\]"):
        models.create("lstm", inference="onnx")


@accelerated
def test_an_accelerator_answers_like_the_cpu():
    on_cpu, on_gpu = (models.create("lstm", device=device) for device in ("cpu", pick_device("auto").type))

    assert "torch on cuda" == on_gpu.runs_on
    assert_same_law(*(m.forecast(WINDOWS, steps=289, paths=128, seed=1, lead=1) for m in (on_cpu, on_gpu)))
