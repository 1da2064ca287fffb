"""Initial parameters drawn by name: one that two networks share by name gets the same numbers."""

from __future__ import annotations

import hashlib
import math

import torch
from torch import Tensor, nn

__all__ = ["initialise"]


def initialise(network: nn.Module, seed: int) -> None:
    """Give every convolution and linear layer its parameters, in place.

    PyTorch's default distributions: weights and biases uniform in ±1/√fan_in. Each tensor has a
    generator of its own, seeded by a hash of ``seed`` and the tensor's name in the network. So a
    network with parts removed keeps the numbers of what is left, two architectures share the
    numbers of what they have in common, and no global generator is read or moved.

    Args:
        network: convolutions and linear layers may be on the meta device (where their own
            initialisation costs nothing); other layers stay as they are.
        seed: any integer.
    """
    for path, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            fan_in = module.weight[0].numel()
            for name, empty in list(module.named_parameters(recurse=False)):
                drawn = _uniform(empty, 1 / math.sqrt(fan_in), _key(seed, f"{path}.{name}"))
                setattr(module, name, nn.Parameter(drawn))


def _uniform(like: Tensor, bound: float, key: int) -> Tensor:
    generator = torch.Generator().manual_seed(key)
    drawn = torch.empty(like.shape, dtype=torch.float32, device="cpu")
    return drawn.uniform_(-bound, bound, generator=generator)


def _key(seed: int, name: str) -> int:
    # 63 bits, because generators take a signed 64-bit seed.
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
