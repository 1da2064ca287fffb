"""The shipped contract on the built-in space, and on a space that somebody else might write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nasproxy.errors import NasproxyError
from nasproxy.spaces import SearchSpace
from nasproxy.spaces.autoformer import AutoFormer
from nasproxy.spaces.bert_mobilebert import BertMobileBERT
from nasproxy.spaces.bert_mobilebert.architecture import Sizes
from nasproxy.spaces.flexibert import FlexiBERT
from nasproxy.spaces.nasbench101 import NASBench101
from nasproxy.spaces.nasbench201 import NASBench201
from nasproxy.testing.spaces import SearchSpaceContract


class TestNASBench201(SearchSpaceContract):
    not_architectures = (*SearchSpaceContract.not_architectures, "15625", "|none~0|", "²", "1.5")

    @pytest.fixture
    def space(self) -> SearchSpace[Any]:
        return NASBench201(channels=4, cells=1)


class TestFlexiBERT(SearchSpaceContract):
    @pytest.fixture
    def space(self) -> SearchSpace[Any]:
        return FlexiBERT("as_specified", length=8)


class TestBertMobileBERT(SearchSpaceContract):
    @pytest.fixture
    def space(self) -> SearchSpace[Any]:
        return BertMobileBERT("small", Sizes(layers=3, hidden=96, steps=2), length=8)


class TestAutoFormer(SearchSpaceContract):
    @pytest.fixture
    def space(self) -> SearchSpace[Any]:
        return AutoFormer(side=32)


class TestNASBench101(SearchSpaceContract):
    @pytest.fixture
    def space(self) -> SearchSpace[Any]:
        return NASBench101(stem=8, cells=1)


@dataclass(frozen=True)
class Perceptron:
    width: int
    activation: str

    def __str__(self) -> str:
        return f"{self.activation}-{self.width}"


WIDTHS = ("2", "4", "8")
ACTIVATIONS = ("relu", "tanh")


class Perceptrons:
    """One hidden layer; written against the protocol alone."""

    name = "perceptrons"
    size = 6
    input_shape = (5,)

    def parse(self, text: str) -> Perceptron:
        activation, _, width = text.partition("-")
        return self.decode({"width": width, "activation": activation})

    def architectures(self) -> list[Perceptron]:
        return [Perceptron(int(w), a) for w in WIDTHS for a in ACTIVATIONS]

    def sample(self, rng: np.random.Generator) -> Perceptron:
        return self.architectures()[int(rng.integers(6))]

    def mutate(self, architecture: Perceptron, rng: np.random.Generator) -> Perceptron:
        around = list(self.neighbours(architecture))
        return around[int(rng.integers(len(around)))]

    def neighbours(self, architecture: Perceptron) -> Iterator[Perceptron]:
        for other in self.architectures():
            if (other.width != architecture.width) != (other.activation != architecture.activation):
                yield other

    def canonical(self, architecture: Perceptron) -> str:
        return str(architecture)

    def simplified(self, architecture: Perceptron) -> Perceptron:
        return architecture

    def dimensions(self) -> dict[str, tuple[str, ...]]:
        return {"width": WIDTHS, "activation": ACTIVATIONS}

    def encode(self, architecture: Perceptron) -> dict[str, str]:
        return {"width": str(architecture.width), "activation": architecture.activation}

    def decode(self, choices: Mapping[str, str]) -> Perceptron:
        allowed = self.dimensions()
        if set(choices) != set(allowed) or any(choices[n] not in allowed[n] for n in allowed):
            raise NasproxyError(f"no perceptron has {dict(choices)}")
        return Perceptron(int(choices["width"]), choices["activation"])

    def build(
        self, architecture: Perceptron, *, seed: int, classes: int = 10, in_channels: int = 3
    ) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            hidden = nn.ReLU() if architecture.activation == "relu" else nn.Tanh()
            return nn.Sequential(
                nn.Linear(5, architecture.width), hidden, nn.Linear(architecture.width, classes)
            )


class TestSomebodyElsesSpace(SearchSpaceContract):
    @pytest.fixture
    def space(self) -> SearchSpace[Any]:
        return Perceptrons()


class Broken(Perceptrons):
    """A space with the mistakes that the contract exists to find."""

    def __init__(self, mistake: str) -> None:
        self.mistake = mistake

    def mutate(self, architecture: Perceptron, rng: np.random.Generator) -> Perceptron:
        if self.mistake == "mutation stays":
            return architecture
        return super().mutate(architecture, rng)

    def neighbours(self, architecture: Perceptron) -> Iterator[Perceptron]:
        if self.mistake == "two changes":
            yield from (other for other in self.architectures() if other != architecture)
        else:
            yield from super().neighbours(architecture)

    def architectures(self) -> list[Perceptron]:
        found = super().architectures()
        return found[:-1] * 2 if self.mistake == "listed twice" else found

    def encode(self, architecture: Perceptron) -> dict[str, str]:
        choices = super().encode(architecture)
        return {**choices, "width": "2"} if self.mistake == "encoding forgets" else choices

    def simplified(self, architecture: Perceptron) -> Perceptron:
        if self.mistake == "simplified changes":
            return Perceptron(2, "relu")
        return architecture

    def build(
        self, architecture: Perceptron, *, seed: int, classes: int = 10, in_channels: int = 3
    ) -> nn.Module:
        if self.mistake == "seed ignored":
            return super().build(architecture, seed=0, classes=classes)
        if self.mistake == "global generator":
            torch.manual_seed(seed)
            return nn.Sequential(nn.Linear(5, 2), nn.Linear(2, classes))
        if self.mistake == "classes ignored":
            return super().build(architecture, seed=seed)
        return super().build(architecture, seed=seed, classes=classes)


@pytest.mark.parametrize(
    ("mistake", "test"),
    [
        ("mutation stays", "test_mutation_is_a_neighbour"),
        ("two changes", "test_neighbours_are_one_change_away"),
        ("listed twice", "test_architectures_lists_each_once"),
        ("encoding forgets", "test_choices_round_trip"),
        ("simplified changes", "test_canonical_survives_simplification"),
        ("seed ignored", "test_build_is_determined_by_the_seed"),
        ("global generator", "test_build_leaves_the_global_generators_alone"),
        ("classes ignored", "test_network_gives_one_logit_a_class"),
    ],
)
def test_the_contract_finds_the_mistake(mistake: str, test: str) -> None:
    with torch.random.fork_rng(devices=[]), pytest.raises(AssertionError):
        getattr(SearchSpaceContract(), test)(Broken(mistake))
