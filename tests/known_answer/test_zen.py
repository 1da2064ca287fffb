"""zen against its formula, drawn and computed again in plain torch."""

import math

import pytest
import torch
from torch import Tensor, nn

from nasproxy import evaluate
from nasproxy.errors import NasproxyError
from nasproxy.proxies.zen import zen


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, bias=True),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 4, 3),
        nn.BatchNorm2d(4),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    )


def images(samples: int = 6) -> Tensor:
    return torch.full((samples, 3, 9, 9), 0.5)  # the values are not looked at


def normalised(x: Tensor, logs: list[float] | None) -> Tensor:
    variance = ((x - x.mean(dim=(0, 2, 3), keepdim=True)) ** 2).mean(dim=(0, 2, 3), keepdim=True)
    if logs is not None:
        logs.append(math.log(math.sqrt(float(variance.mean()))))
    return (x - x.mean(dim=(0, 2, 3), keepdim=True)) / (variance + 1e-5).sqrt()


def reference(repeats: int, *, samples: int = 6, order: float = 2, seed: int = 5) -> float:
    draws, scores = torch.Generator().manual_seed(seed), []
    for _ in range(repeats):
        first, second = (
            torch.randn(6, 3, 3, 3, generator=draws),
            torch.randn(4, 6, 3, 3, generator=draws),
        )
        torch.randn(3, 4, generator=draws)  # the classifier, which comes after the pooling
        inputs = int(torch.randint(2**62, (), generator=draws))
        x = torch.randn(samples, 3, 9, 9, generator=torch.Generator().manual_seed(inputs))
        noise = torch.randn(samples, 3, 9, 9, generator=torch.Generator().manual_seed(inputs + 1))
        logs: list[float] = []
        features = []
        for start, keep in ((x, logs), (x + 0.01 * noise, None)):
            h = torch.conv2d(start.double(), first.double())
            h = torch.conv2d(normalised(h, keep).clamp(min=0), second.double())
            features.append(normalised(h, keep))
        norms = [
            float(((a - b).abs() ** order).sum() ** (1 / order))
            for a, b in zip(*features, strict=True)
        ]
        scores.append(math.log(sum(norms) / samples) + sum(logs))
    return sum(scores) / repeats


@pytest.mark.parametrize("repeats", [1, 4])
@pytest.mark.parametrize("absolute", [False, True])
def test_zen_is_the_formula(repeats: int, absolute: bool) -> None:
    proxy = zen(repeats, absolute=absolute)
    found = evaluate(network(), images(), proxy, seed=5)["zen"]
    expected = reference(repeats, order=1 if absolute else 2)
    assert found.value == pytest.approx(expected, rel=1e-4)
    assert found.node_names == ("", "1", "4")


def test_zen_looks_at_neither_weights_nor_data_and_takes_sixteen_samples() -> None:
    first = evaluate(network(0), images(), "zen", seed=5)["zen"].value
    assert evaluate(network(1), images() * 7, "zen", seed=5)["zen"].value == first
    assert evaluate(network(0), images(), "zen", seed=6)["zen"].value != first
    many = evaluate(network(0), images(20), zen(1), seed=5)["zen"].value
    assert many == pytest.approx(reference(1, samples=16), rel=1e-4)


def test_zen_of_a_linear_layer_grows_as_the_root_of_its_inputs() -> None:
    """E ||W eps|| is .01 sqrt(d m) without normalisation; features are the head's input."""

    class Wide(nn.Sequential):
        def __init__(self, d: int, m: int) -> None:
            super().__init__(nn.Linear(d, m, bias=False), nn.Linear(m, 2))

    for d, m in ((400, 900), (900, 400)):
        found = evaluate(Wide(d, m), torch.zeros(16, d), "zen")["zen"].value
        assert found == pytest.approx(math.log(0.01 * math.sqrt(d * m)), abs=0.03)


def test_zen_needs_a_repeat_and_features_that_depend_on_the_input() -> None:
    with pytest.raises(NasproxyError, match="0 repeats"):
        zen(0)

    class Constant(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.linear(x * 0)
            return out

    with pytest.raises(NasproxyError, match="does not change the features"):
        evaluate(Constant(), torch.randn(4, 3), "zen")
