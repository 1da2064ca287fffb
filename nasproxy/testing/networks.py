"""Three small networks, each with a batch, on which every proxy's contract is tested."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from nasproxy.batch import Batch

__all__ = ["NETWORKS", "Transformer", "convolutional", "perceptron", "transformer"]

SAMPLES = 8
CLASSES = 5


class Transformer(nn.Module):
    """Token and position embeddings, two encoder layers with dropout, a linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(50, 16)
        self.positions = nn.Embedding(12, 16)
        layer = nn.TransformerEncoderLayer(16, 4, dim_feedforward=32, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, CLASSES)

    def forward(self, ids: Tensor) -> Tensor:
        """Class scores ``[n, classes]`` of token ids ``[n, t]``."""
        positions = torch.arange(ids.shape[1], device=ids.device)
        hidden = self.encoder(self.tokens(ids) + self.positions(positions))
        scores: Tensor = self.head(hidden.mean(dim=1))
        return scores


def convolutional() -> tuple[nn.Module, Batch]:
    """Convolutions with batch normalisation and a residual connection, on images 3 x 16 x 16."""

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = nn.Sequential(
                nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
            )

        def forward(self, images: Tensor) -> Tensor:
            changed: Tensor = self.block(images)
            return images + changed

    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        Residual(),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.1),
        nn.Linear(32, CLASSES),
    )
    return network, Batch(_normal(SAMPLES, 3, 16, 16), _labels(), CLASSES)


def transformer() -> tuple[nn.Module, Batch]:
    """A small encoder over token ids."""
    ids = torch.randint(0, 50, (SAMPLES, 12), generator=_generator())
    return Transformer(), Batch(ids, _labels(), CLASSES)


def perceptron() -> tuple[nn.Module, Batch]:
    """Linear layers, an activation called as a function, no convolution and no normalisation."""

    class Perceptron(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(20, 24)
            self.second = nn.Linear(24, 24)
            self.head = nn.Linear(24, CLASSES)

        def forward(self, inputs: Tensor) -> Tensor:
            hidden = torch.relu(self.first(inputs))
            hidden = nn.functional.gelu(self.second(hidden))
            scores: Tensor = self.head(hidden)
            return scores

    return Perceptron(), Batch(_normal(SAMPLES, 20), _labels(), CLASSES)


NETWORKS: dict[str, Callable[[], tuple[nn.Module, Batch]]] = {
    "convolutional": convolutional,
    "transformer": transformer,
    "perceptron": perceptron,
}


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def _normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=_generator())


def _labels() -> Tensor:
    return torch.arange(SAMPLES) % CLASSES
