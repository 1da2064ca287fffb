"""The tests that every search space passes, to be inherited by the tests of a space of your own."""

from __future__ import annotations

import random
from collections.abc import Hashable
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nasproxy.errors import NasproxyError
from nasproxy.spaces.space import SearchSpace

__all__ = ["SearchSpaceContract"]

_SAMPLES = 20
_LISTED = 100_000  # a space with more architectures than this is not listed whole

# Any, because the contract knows no more of an architecture than that it can be hashed.
Space = SearchSpace[Any]


class SearchSpaceContract:
    """What a search space promises, as pytest tests.

    Inherit it in a class whose name begins with ``Test``, and override ``space``::

        class TestMySpace(SearchSpaceContract):
            @pytest.fixture
            def space(self):
                return MySpace()

    Override ``inputs`` too where the networks do not take float images, and ``not_architectures``
    to add texts that ``parse`` has to refuse.
    """

    not_architectures: tuple[str, ...] = ("", "no architecture has this text", "|", "-1")

    @pytest.fixture
    def space(self) -> Space:
        """The space under test."""
        raise NotImplementedError("override the fixture `space` to return the space under test")

    def inputs(self, space: Space) -> Tensor:
        """Two inputs for a network of the space, ``[2, *input_shape]``.

        Standard normal; token ids where the space has a ``vocabulary``.
        """
        generator = torch.Generator().manual_seed(0)
        if vocabulary := getattr(space, "vocabulary", None):
            return torch.randint(vocabulary, (2, *space.input_shape), generator=generator)
        return torch.randn(2, *space.input_shape, generator=generator)

    def test_name_and_size(self, space: Space) -> None:
        """The name can be typed in a command; the size is positive or unknown."""
        assert space.name
        assert not set(space.name) & set(" ,:\t\n"), "a command could not take this name"
        assert space.size is None or space.size > 0
        assert all(side > 0 for side in space.input_shape)

    def test_sampling_is_determined_by_the_seed(self, space: Space) -> None:
        """One seed, one sequence of samples; another seed, another sequence."""
        assert _sampled(space, 1) == _sampled(space, 1)
        if space.size is None or space.size > 2:
            assert _sampled(space, 1) != _sampled(space, 2)

    def test_architectures_are_values(self, space: Space) -> None:
        """Equal architectures hash and print alike; a set and a dictionary can hold them."""
        for one, other in zip(_sampled(space, 3), _sampled(space, 3), strict=True):
            assert isinstance(one, Hashable)
            assert one == other
            assert hash(one) == hash(other)
            assert str(one) == str(other)
            assert one in {other}

    def test_text_round_trips(self, space: Space) -> None:
        """``parse(str(a)) == a``; different architectures have different texts on one line."""
        found = set(_sampled(space, 4))
        assert len({str(architecture) for architecture in found}) == len(found)
        for architecture in found:
            assert space.parse(str(architecture)) == architecture
            assert str(architecture).splitlines() == [str(architecture)]

    def test_text_that_is_no_architecture_is_refused(self, space: Space) -> None:
        """NasproxyError, and no other exception."""
        for text in self.not_architectures:
            with pytest.raises(NasproxyError):
                space.parse(text)

    def test_architectures_lists_each_once(self, space: Space) -> None:
        """As many as ``size`` says, each once, in a fixed order; else NasproxyError."""
        if space.size is None:
            with pytest.raises(NasproxyError):
                next(iter(space.architectures()))
            return
        first = list(islice(space.architectures(), 50))
        assert first == list(islice(space.architectures(), 50)), "the order is not fixed"
        if space.size <= _LISTED:
            listed = set(space.architectures())
            assert len(listed) == len(list(space.architectures())) == space.size
            assert listed.issuperset(_sampled(space, 5))

    def test_neighbours_are_one_change_away(self, space: Space) -> None:
        """Each once, in a fixed order, one dimension changed, and the relation is symmetric."""
        for architecture in _sampled(space, 6)[:5]:
            around = list(space.neighbours(architecture))
            assert around == list(space.neighbours(architecture)), "the order is not fixed"
            assert len(set(around)) == len(around)
            # Large neighbourhoods are not compared with each other whole.
            for neighbour in around if len(around) <= 200 else around[:: len(around) // 4]:
                assert len(_changed(space, architecture, neighbour)) == 1
                assert architecture in set(space.neighbours(neighbour))

    def test_mutation_is_a_neighbour(self, space: Space) -> None:
        """``mutate`` gives a neighbour, determined by the seed, and does not move its argument."""
        for seed, architecture in enumerate(_sampled(space, 7)):
            text = str(architecture)
            child = space.mutate(architecture, np.random.default_rng(seed))
            assert child == space.mutate(architecture, np.random.default_rng(seed))
            assert child in set(space.neighbours(architecture))
            assert str(architecture) == text

    def test_canonical_survives_simplification(self, space: Space) -> None:
        """Simplifying keeps the canonical text, and doing it twice changes nothing more."""
        for architecture in _sampled(space, 8):
            simple = space.simplified(architecture)
            assert space.canonical(simple) == space.canonical(architecture)
            assert space.simplified(simple) == simple
            assert space.canonical(space.parse(str(architecture))) == space.canonical(architecture)

    def test_choices_round_trip(self, space: Space) -> None:
        """``decode(encode(a)) == a``, with one allowed value for every dimension."""
        dimensions = space.dimensions()
        assert all(len(set(values)) == len(values) >= 1 for values in dimensions.values())
        for architecture in _sampled(space, 9):
            choices = space.encode(architecture)
            assert list(choices) == list(dimensions)
            assert all(value in dimensions[name] for name, value in choices.items())
            assert space.decode(choices) == architecture

    def test_wrong_choices_are_refused(self, space: Space) -> None:
        """A dimension missing, one too many, a value that does not exist: NasproxyError."""
        choices = space.encode(_sampled(space, 10)[0])
        name = next(iter(choices))
        without = {key: value for key, value in choices.items() if key != name}
        for wrong in (without, {**choices, "no such": "x"}, {**choices, name: "no such"}):
            with pytest.raises(NasproxyError):
                space.decode(wrong)

    def test_build_is_determined_by_the_seed(self, space: Space) -> None:
        """One seed, the same parameters to the bit; another seed, others; float32 on the CPU."""
        for architecture in _sampled(space, 11)[:3]:
            one = _state(space.build(architecture, seed=0))
            same = _state(space.build(architecture, seed=0))
            other = _state(space.build(architecture, seed=1))
            assert list(one) == list(same) == list(other)
            assert all(torch.equal(one[name], same[name]) for name in one)
            assert any(not torch.equal(one[name], other[name]) for name in one)
            for tensor in one.values():
                assert tensor.device.type == "cpu"
                assert tensor.dtype == torch.float32 or not tensor.is_floating_point()

    def test_build_leaves_the_global_generators_alone(self, space: Space) -> None:
        """None is read (Python's, NumPy's, PyTorch's); NumPy's and PyTorch's are not moved.

        That Python's stays cannot be tested: run-time type checkers draw from it.
        """
        architecture = _sampled(space, 12)[0]
        before = _global_generators()
        one = _state(space.build(architecture, seed=0))
        assert _global_generators() == before, "building moved a global generator"
        random.random()
        np.random.rand()  # noqa: NPY002 (the old generator is what a space might read)
        torch.rand(1)
        other = _state(space.build(architecture, seed=0))
        assert all(torch.equal(one[name], other[name]) for name in one), "one was read"

    def test_network_gives_one_logit_a_class(self, space: Space) -> None:
        """The network takes ``input_shape``, and gives finite ``[n, classes]``."""
        for architecture in _sampled(space, 13)[:3]:
            for classes in (2, 10):
                with torch.no_grad():
                    logits = space.build(architecture, seed=0, classes=classes)(self.inputs(space))
                assert logits.shape == (2, classes)
                assert bool(torch.isfinite(logits).all())


def _sampled(space: Space, seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [space.sample(rng) for _ in range(_SAMPLES)]


def _changed(space: Space, one: Hashable, other: Hashable) -> list[str]:
    before, after = space.encode(one), space.encode(other)
    return [name for name in space.dimensions() if before[name] != after[name]]


def _state(network: nn.Module) -> dict[str, Tensor]:
    return dict(network.state_dict())


def _global_generators() -> tuple[object, ...]:
    # NPY002 is about drawing from the old generator; here its state is only looked at.
    numpy_state = np.random.get_state(legacy=True)  # noqa: NPY002
    legacy = tuple(part.tobytes() if isinstance(part, np.ndarray) else part for part in numpy_state)
    return (legacy, torch.get_rng_state().numpy().tobytes())
