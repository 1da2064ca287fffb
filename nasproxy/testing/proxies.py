"""The contract of a proxy, as tests to inherit.

A third party writes::

    from nasproxy.testing.proxies import ProxyContract

    class TestMyProxy(ProxyContract):
        proxy = MY_PROXY
"""

from __future__ import annotations

import copy
import inspect
import random
from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar, ParamSpec, TypeVar, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules import module as module_hooks

from nasproxy import proxies as registered
from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.evaluation import evaluate, outcomes
from nasproxy.proxies.proxy import Proxy, ProxyScore
from nasproxy.testing.networks import NETWORKS

__all__ = ["ProxyContract"]

P = ParamSpec("P")
R = TypeVar("R")


class ProxyContract:
    """What every proxy promises, on a CNN, a transformer and a network with no convolution.

    Attributes:
        proxy: the proxy under test.
        networks: those of ``nasproxy.testing.networks.NETWORKS`` whose modules it claims to read.
    """

    proxy: ClassVar[Proxy]
    networks: ClassVar[tuple[str, ...]] = tuple(NETWORKS)

    @pytest.fixture(params=list(NETWORKS))
    def kind(self, request: pytest.FixtureRequest) -> str:
        """The name of a network that the proxy claims to read."""
        if request.param not in self.networks:
            pytest.skip(f"{self.proxy.name} does not claim to read a {request.param} network")
        return str(request.param)

    @pytest.fixture
    def case(self, kind: str) -> tuple[nn.Module, Batch]:
        """A network with its batch."""
        return _made(kind)

    def test_score_and_nodes_are_finite(self, case: tuple[nn.Module, Batch]) -> None:
        """One finite score; node values float64, finite, each with a name of its own."""
        score = evaluate(*case, [self.proxy])[self.proxy.name]
        assert np.isfinite(score.value)
        assert score.nodes.dtype == np.float64
        assert np.isfinite(score.nodes).all()
        assert len(score.nodes) == len(score.node_names) == len(set(score.node_names)) > 0

    def test_nodes_are_named_after_the_network(self, case: tuple[nn.Module, Batch]) -> None:
        """By a parameter or a module of the network, with ``#k`` for its k-th call."""
        network, batch = case
        known = {name for name, _ in network.named_parameters()}
        known |= {name for name, _ in network.named_modules()}
        score = evaluate(network, batch, [self.proxy])[self.proxy.name]
        assert {name.split("#")[0] for name in score.node_names} <= known

    def test_same_seed_gives_the_same_score(self, case: tuple[nn.Module, Batch]) -> None:
        """Equal to the last bit, whatever the global generators are doing."""
        first = evaluate(*case, [self.proxy], seed=3)[self.proxy.name]
        torch.rand(5)
        second = evaluate(*case, [self.proxy], seed=3)[self.proxy.name]
        assert first.value == second.value
        np.testing.assert_array_equal(first.nodes, second.nodes)

    def test_score_does_not_depend_on_what_else_is_asked(
        self, kind: str, case: tuple[nn.Module, Batch]
    ) -> None:
        """Asked with any other proxy, before or after it, the score is the same to the last bit.

        Two proxies can touch where one pass makes the records of both, so those are asked in
        pairs. Different passes know nothing of each other: each gets the records wanted of it, and
        what it gets is the same with one proxy of another pass as with all of them, so all of
        those are asked at once, before this one and after.
        """
        alone = evaluate(*case, [self.proxy])[self.proxy.name]
        passes = {record.made_by for record in self.proxy.needs}
        asked = [
            outcomes(*case, [other, self.proxy])
            for other in _registered()
            if passes & {record.made_by for record in other.needs} and other.name != self.proxy.name
        ]
        own = None if self.proxy in _registered() else self.proxy
        asked += [_everyone(kind, own, backwards) for backwards in (False, True)]
        for found in asked:
            beside, names = found[self.proxy.name], list(found)
            assert not isinstance(beside, NasproxyError), (beside, names)
            assert alone.value == beside.value, names
            np.testing.assert_array_equal(alone.nodes, beside.nodes, err_msg=str(names))

    def test_nothing_is_changed(self, case: tuple[nn.Module, Batch]) -> None:
        """Not the network, not its modules, not the batch, not the process."""
        network, batch = case
        modules = list(network.modules())
        modules[-1].eval()
        for parameter in network.parameters():
            parameter.grad = torch.full_like(parameter, 0.25)
        next(network.parameters()).requires_grad_(False)
        before = _everything(network, batch)
        score, state = _unchecked(outcomes), random.getstate()
        score(network, batch, [self.proxy])
        assert random.getstate() == state
        after = _everything(network, batch)
        assert before.keys() == after.keys()
        for name in before:
            _same(before[name], after[name], name)

    def test_nothing_is_changed_when_the_network_fails(self) -> None:
        """Also where the network raises an error half way."""

        class Failing(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.norm = nn.BatchNorm1d(4)
                self.linear = nn.Linear(3, 2)

            def forward(self, inputs: Tensor) -> Tensor:
                self.linear(self.norm(inputs))
                raise ValueError("half way")

        network, batch = Failing().eval(), Batch(torch.ones(4, 4, 3), torch.zeros(4).long())
        before = _everything(network, batch)
        outcome = _unchecked(outcomes)(network, batch, [self.proxy])[self.proxy.name]
        if isinstance(outcome, NasproxyError):  # some proxies never call the network
            assert "half way" in str(outcome)
        after = _everything(network, batch)
        for name in before:
            _same(before[name], after[name], name)

    def test_gradients_may_be_switched_off_around_it(self, case: tuple[nn.Module, Batch]) -> None:
        """The score is the same under ``no_grad`` and with frozen parameters."""
        network, batch = case
        expected = evaluate(network, batch, [self.proxy])[self.proxy.name]
        network.requires_grad_(False)
        with torch.no_grad():
            found = evaluate(network, batch, [self.proxy])[self.proxy.name]
        assert found.value == expected.value

    def test_double_precision_agrees(self, case: tuple[nn.Module, Batch]) -> None:
        """The dtype is kept, and the score is that of float32 up to its rounding."""
        network, batch = case
        network.eval()
        for module in network.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0  # its draws differ between the two
        for layer in network.modules():
            if isinstance(layer, nn.MultiheadAttention):
                layer.dropout = 0.0
        single = evaluate(network, batch, [self.proxy])[self.proxy.name].value
        inputs = batch.tensors[0]
        wide = inputs.double() if inputs.is_floating_point() else inputs
        double = evaluate(network.double(), (wide, _labels(batch)), [self.proxy])
        assert next(network.parameters()).dtype == torch.float64
        assert double[self.proxy.name].value == pytest.approx(single, rel=1e-3)

    def test_nan_is_never_a_score(self, case: tuple[nn.Module, Batch]) -> None:
        """A network of NaN gives an error, or, for counts, the number that it would have anyway."""
        network, batch = case
        healthy = evaluate(network, batch, [self.proxy])[self.proxy.name].value
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.fill_(float("nan"))
        try:
            found = evaluate(network, batch, [self.proxy])[self.proxy.name].value
        except NasproxyError:
            return
        assert found == healthy

    def test_missing_labels_are_an_error_where_needed(self, case: tuple[nn.Module, Batch]) -> None:
        """A proxy that needs labels says so; one that does not gives the same score without."""
        network, batch = case
        unlabelled = Batch(batch.inputs)
        if self.proxy.needs_labels:
            with pytest.raises(NasproxyError, match="labels"):
                evaluate(network, unlabelled, [self.proxy])
        else:
            expected = evaluate(network, batch, [self.proxy])[self.proxy.name].value
            assert evaluate(network, unlabelled, [self.proxy])[self.proxy.name].value == expected

    def test_too_small_a_batch_is_an_error(self) -> None:
        """One sample fewer than the proxy is defined for."""
        if self.proxy.min_batch == 1:
            pytest.skip(f"{self.proxy.name} is defined for a single sample")
        network, batch = NETWORKS[self.networks[-1]]()
        few = self.proxy.min_batch - 1
        small = Batch(batch.tensors[0][:few], _labels(batch)[:few])
        with pytest.raises(NasproxyError, match="batch"):
            evaluate(network, small, [self.proxy])


def _made(kind: str) -> tuple[nn.Module, Batch]:
    torch.manual_seed(1)
    return NETWORKS[kind]()


@cache
def _registered() -> tuple[Proxy, ...]:
    return tuple(map(registered.get, registered.names()))


@cache
def _everyone(
    kind: str, own: Proxy | None, backwards: bool
) -> dict[str, ProxyScore | NasproxyError]:
    """All registered proxies on one network, and ``own`` in place of one of its name.

    Kept, because the contracts of all registered proxies ask the same.
    """
    everyone = [p for p in _registered() if own is None or p.name != own.name]
    everyone += [] if own is None else [own]
    return outcomes(*_made(kind), everyone[::-1] if backwards else everyone)


def _unchecked(function: Callable[P, R]) -> Callable[P, R]:
    """Without a run-time type checker around it: those draw from Python's global generator."""
    return cast(Callable[P, R], inspect.unwrap(function))


def _labels(batch: Batch) -> Tensor:
    assert batch.labels is not None
    return batch.labels


def _everything(network: nn.Module, batch: Batch) -> dict[str, Any]:
    """All that a proxy could change and must not."""
    numpy_state: Any = np.random.get_state()  # noqa: NPY002
    return {
        "parameters and buffers": {n: t.clone() for n, t in network.state_dict().items()},
        "parameter identities": [id(parameter) for parameter in network.parameters()],
        "dtypes and devices": [(p.dtype, p.device) for p in network.parameters()],
        "gradients": {
            n: None if p.grad is None else p.grad.clone() for n, p in network.named_parameters()
        },
        "requires_grad": [parameter.requires_grad for parameter in network.parameters()],
        "training flags": [module.training for module in network.modules()],
        "attributes": [sorted(vars(module)) for module in network.modules()],
        "hooks": [
            [len(value) for key, value in vars(m).items() if key.endswith("_hooks")]
            for m in network.modules()
        ],
        "global hooks": [
            len(value)
            for key, value in vars(module_hooks).items()
            if key.startswith("_global") and key.endswith("hooks")
        ],
        "inputs": [tensor.clone() for tensor in batch.tensors],
        "labels": _labels(batch).clone(),
        "torch generator": torch.get_rng_state(),
        "numpy generator": (numpy_state[0], copy.deepcopy(numpy_state[1:])),
        "cudnn": (
            torch.backends.cudnn.enabled,
            torch.backends.cudnn.benchmark,
            torch.backends.cudnn.deterministic,
            getattr(getattr(torch.backends.cudnn, "conv", None), "fp32_precision", None),
        ),
        "grad mode": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "threads": torch.get_num_threads(),
        "default dtype": torch.get_default_dtype(),
    }


def _same(before: Any, after: Any, name: str) -> None:
    if isinstance(before, Tensor):
        assert torch.equal(before, after), name
    elif isinstance(before, dict):
        assert before.keys() == after.keys(), name
        for key in before:
            _same(before[key], after[key], f"{name} {key}")
    elif isinstance(before, list | tuple):
        assert len(before) == len(after), name
        for one, other in zip(before, after, strict=True):
            _same(one, other, name)
    elif isinstance(before, np.ndarray):
        np.testing.assert_array_equal(before, after, err_msg=name)
    else:
        assert before == after, name
