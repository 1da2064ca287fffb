"""Rank three networks of your own by zero-cost proxies, without a search space.

    python examples/rank_own_networks.py

Any ``nn.Module`` will do. The batch is 64 of scikit-learn's handwritten digits.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

import nasproxy
from nasproxy.images import load_batch
from nasproxy.ranking import rank_aggregate

PROXIES = ("params", "naswot", "synflow", "snip")


def convolutional(width: int, depth: int) -> nn.Module:
    """A plain stack of convolutions."""
    layers: list[nn.Module] = []
    channels = 3
    for _ in range(depth):
        layers += [
            nn.Conv2d(channels, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        ]
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10))


def main() -> None:
    candidates = {"8 wide, 8 deep": (8, 8), "16 wide, 4 deep": (16, 4), "32 wide, 2 deep": (32, 2)}
    batch = load_batch("digits", size=64, image_size=16, seed=0)
    scores = []
    for width, depth in candidates.values():
        torch.manual_seed(0)
        found = nasproxy.evaluate(convolutional(width, depth), batch, PROXIES, seed=0)
        scores.append([found[name].value for name in PROXIES])
    fitness = rank_aggregate(np.array(scores), [1] * len(PROXIES))
    print(f"{'network':<18}" + "".join(f"{name:>12}" for name in PROXIES) + f"{'fitness':>12}")
    for i in np.argsort(-fitness):
        cells = "".join(f"{value:>12.5g}" for value in scores[i])
        print(f"{list(candidates)[i]:<18}{cells}{fitness[i]:>12.3f}")


if __name__ == "__main__":
    main()
