"""A search space of your own: a template to copy and change.

    python examples/my_space.py
    cd examples && nasproxy search --space my_space:Space --budget 20 --out /tmp/found

The space holds plain stacks of convolutions: how deep, how wide, which kernel, which activation,
and whether each layer normalises. ``nasproxy rank`` and ``search`` take it as it is; nothing is
installed or registered. The shipped contract tests it, in a file of your own::

    import pytest
    from my_space import Space
    from nasproxy.testing.spaces import SearchSpaceContract

    class TestMySpace(SearchSpaceContract):
        @pytest.fixture
        def space(self):
            return Space()

In a package of yours an entry point gives it a name (``--space stacks``)::

    [project.entry-points."nasproxy.spaces"]
    stacks = "my_space:Space"
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import torch
from torch import nn

from nasproxy.errors import NasproxyError

DIMENSIONS: dict[str, tuple[str, ...]] = {
    "depth": ("1", "2", "3", "4"),
    "width": ("8", "16", "32"),
    "kernel": ("1", "3", "5"),
    "activation": ("relu", "gelu"),
    "norm": ("yes", "no"),
}


@dataclass(frozen=True)
class Stack:
    """One architecture: a value that can be hashed, compared and printed."""

    depth: str
    width: str
    kernel: str
    activation: str
    norm: str

    def __str__(self) -> str:
        return "-".join(vars(self).values())


class Space:
    """Every method of ``nasproxy.spaces.SearchSpace``."""

    name = "stacks"
    size = int(np.prod([len(values) for values in DIMENSIONS.values()]))
    input_shape = (3, 32, 32)

    def parse(self, text: str) -> Stack:
        """``3-16-3-relu-yes``; a text that is no architecture is a NasproxyError."""
        parts = text.strip().split("-")
        if len(parts) != len(DIMENSIONS):
            raise NasproxyError(
                f"{text!r} is no stack", accepted="-".join(DIMENSIONS), hint="3-16-3-relu-yes"
            )
        return self.decode(dict(zip(DIMENSIONS, parts, strict=True)))

    def architectures(self) -> Iterator[Stack]:
        """All, in a fixed order. Raise a NasproxyError here, and let size be None, without end."""
        return (Stack(*values) for values in product(*DIMENSIONS.values()))

    def sample(self, rng: np.random.Generator) -> Stack:
        """One at random; all randomness comes from the generator."""
        return Stack(*(str(rng.choice(values)) for values in DIMENSIONS.values()))

    def mutate(self, architecture: Stack, rng: np.random.Generator) -> Stack:
        """A random neighbour."""
        around = list(self.neighbours(architecture))
        return around[int(rng.integers(len(around)))]

    def neighbours(self, architecture: Stack) -> Iterator[Stack]:
        """One dimension changed."""
        choices = self.encode(architecture)
        for name, values in DIMENSIONS.items():
            for value in values:
                if value != choices[name]:
                    yield Stack(**{**choices, name: value})

    def canonical(self, architecture: Stack) -> str:
        """One text for all that compute the same; here no two do."""
        return str(architecture)

    def simplified(self, architecture: Stack) -> Stack:
        """Without what cannot change the output; here nothing is so."""
        return architecture

    def dimensions(self) -> Mapping[str, tuple[str, ...]]:
        """What a sampler chooses."""
        return DIMENSIONS

    def encode(self, architecture: Stack) -> dict[str, str]:
        """The choices of an architecture."""
        return dict(vars(architecture))

    def decode(self, choices: Mapping[str, str]) -> Stack:
        """The architecture of choices."""
        if choices.keys() != DIMENSIONS.keys():
            raise NasproxyError(f"the choices are {', '.join(choices)}", accepted=str(DIMENSIONS))
        for name, value in choices.items():
            if value not in DIMENSIONS[name]:
                raise NasproxyError(
                    f"there is no {name} {value!r}", accepted=", ".join(DIMENSIONS[name])
                )
        return Stack(**choices)

    def build(
        self, architecture: Stack, *, seed: int, classes: int = 10, in_channels: int = 3
    ) -> nn.Module:
        """The network; each parameter drawn by the seed and its own name."""
        width, kernel = int(architecture.width), int(architecture.kernel)
        with torch.random.fork_rng(devices=[]):  # modules draw as they are made
            layers: list[nn.Module] = []
            for layer in range(int(architecture.depth)):
                channels = width if layer else in_channels
                layers.append(nn.Conv2d(channels, width, kernel, padding=kernel // 2))
                if architecture.norm == "yes":
                    layers.append(nn.BatchNorm2d(width))
                layers.append(nn.ReLU() if architecture.activation == "relu" else nn.GELU())
            network = nn.Sequential(
                *layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * width, classes)
            )
        self.redraw(network, seed)
        return network

    def redraw(self, network: nn.Module, seed: int) -> None:
        """Optional: new weights in place, which makes ``rank --seeds`` cheaper."""
        for name, parameter in network.named_parameters():
            if parameter.ndim > 1:
                digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
                generator = torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)
                bound = parameter[0].numel() ** -0.5
                drawn = torch.empty(parameter.shape).uniform_(-bound, bound, generator=generator)
                parameter.data = drawn.to(parameter.device)
            elif name.endswith("bias"):
                parameter.data.zero_()


def main() -> None:
    from nasproxy.images import load_batch
    from nasproxy.search.run import search

    batch = load_batch("digits", size=16, image_size=32)
    result = search(Space(), batch, ["naswot", "synflow"], Path(mkdtemp()) / "found", budget=12)
    for candidate in result.best[:5]:
        scores = ", ".join(f"{name} {value:.4g}" for name, value in candidate.scores.items())
        print(f"{candidate.architecture:<20} {scores}")


if __name__ == "__main__":
    main()
