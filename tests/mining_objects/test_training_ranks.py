"""Two processes that train together: every example once between them, equal weights in both, and those of one alone."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from safetensors.torch import load_file  # noqa: E402

from mining_objects.training_ranks import ALONE, Ranks, joined  # noqa: E402
from protocol.errors import InvalidSetting  # noqa: E402
from runnable.training_processes import run_ranks  # noqa: E402
from tests.support.training_ranks import fail_in_the_second, train_and_tell  # noqa: E402


@settings(max_examples=100, deadline=None)
@given(examples=st.integers(1, 50), world=st.integers(1, 9))
def test_the_parts_of_a_batch_make_it_up_and_are_alike_in_size(examples, world):
    chosen = np.random.default_rng(examples).permutation(examples)
    parts = [Ranks(rank, world).part(chosen) for rank in range(world)]

    np.testing.assert_array_equal(chosen, np.concatenate(parts))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_process_nobody_started_with_others_trains_alone():
    with joined(torch.device("cpu")) as ranks:
        assert ALONE == ranks
        assert [1.5, 2.0] == ranks.sums([1.5, 2.0])


@pytest.mark.processes
def test_two_processes_see_each_example_once_and_end_with_the_weights_of_one(tmp_path):
    run_ranks(2, train_and_tell, (tmp_path,))
    (tmp_path / "alone").mkdir()
    train_and_tell(None, tmp_path / "alone")

    told = [json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in range(2)]
    assert list(range(301)) == sorted(told[0]["seen"] + told[1]["seen"])
    assert told[0]["scores"] == told[1]["scores"]
    weights = [load_file(tmp_path / f"rank{rank}.safetensors") for rank in range(2)]
    alone = load_file(tmp_path / "alone" / "rank0.safetensors")
    for name, tensor in weights[0].items():
        assert torch.equal(tensor, weights[1][name]), name
        torch.testing.assert_close(alone[name], tensor, rtol=1e-3, atol=1e-4)
    one = json.loads((tmp_path / "alone" / "rank0.json").read_text())
    np.testing.assert_allclose(one["scores"], told[0]["scores"], rtol=1e-5)


@pytest.mark.processes
def test_whichever_process_fails_first_says_why_and_ends_all(capfd):
    with pytest.raises(SystemExit) as ended:
        run_ranks(2, fail_in_the_second, ())

    assert 2 == ended.value.code
    assert "error (training-diverged): the second process's own words\n" == capfd.readouterr().err


def test_a_device_that_cannot_train_with_others_is_refused(tmp_path):
    from mining_objects.training_ranks import Meeting

    with pytest.raises(InvalidSetting, match="mps trains alone"), joined(torch.device("mps"), Meeting(0, 2, tmp_path)):
        pass
