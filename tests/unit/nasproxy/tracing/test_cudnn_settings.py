"""The settings of cuDNN are the user's again afterwards, however the user made them."""

from collections.abc import Iterator

import pytest
import torch

from nasproxy import evaluate
from nasproxy.tracing.cudnn import cudnn_settings

cudnn = torch.backends.cudnn


@pytest.fixture(params=["ieee", "tf32", "none"])
def precision(request: pytest.FixtureRequest) -> Iterator[str]:
    """Of convolutions, set by operation, as PyTorch recommends since 2.9."""
    if not hasattr(cudnn, "conv"):
        pytest.skip("one flag for all operations")
    before = cudnn.conv.fp32_precision
    cudnn.conv.fp32_precision = request.param
    yield request.param
    cudnn.conv.fp32_precision = before


def test_float32_is_computed_as_float32_and_all_is_restored(precision: str) -> None:
    def fails_within() -> None:
        with cudnn_settings(enabled=False, benchmark=True, deterministic=True):
            assert (cudnn.enabled, cudnn.benchmark, cudnn.deterministic) == (False, True, True)
            assert cudnn.conv.fp32_precision == cudnn.rnn.fp32_precision == "ieee"
            raise KeyError

    before = cudnn.enabled, cudnn.benchmark, cudnn.deterministic
    with pytest.raises(KeyError):
        fails_within()
    assert (cudnn.enabled, cudnn.benchmark, cudnn.deterministic) == before
    assert cudnn.conv.fp32_precision == precision


@pytest.mark.usefixtures("precision")
def test_networks_are_scored_with_a_precision_by_operation() -> None:
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 3)
    )
    batch = (torch.randn(4, 3, 8, 8), torch.tensor([0, 1, 2, 0]))
    assert evaluate(network, batch, ["grad_norm", "grasp", "synflow"])["grad_norm"].value > 0
