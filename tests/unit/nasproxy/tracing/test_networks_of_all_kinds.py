"""Networks as people write them: what is scored, what is left alone, what is said."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nasproxy import evaluate
from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.evaluation import outcomes
from nasproxy.tracing.bypass import is_normalisation
from nasproxy.tracing.nodes import weight_nodes
from nasproxy.tracing.parts import parts_of

# Those that read every network here; the later ones ask for more (positions, blocks, Jacobians).
ALL = ["params", "flops", "l2_norm", "grad_norm", "snip", "naswot", "synflow"]
Y = torch.arange(8) % 4


def normal(*shape: int) -> Tensor:
    return torch.randn(8, *shape, generator=torch.Generator().manual_seed(0))


def mlp() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(12, 60), nn.ReLU(), nn.Linear(60, 60), nn.ReLU(), nn.Linear(60, 4)
    )


class Wrapped(nn.Module):
    """A network whose inputs or outputs are passed in another form."""

    def __init__(self, into: Callable[..., Tensor], out: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.inner, self.into, self.out = mlp(), into, out

    def forward(self, *args: Tensor, **kwargs: Tensor) -> Any:
        return self.out(self.inner(self.into(*args, **kwargs)))


@dataclass
class Output:
    aux: Tensor
    logits: Tensor


X = normal(12)
FORMS: dict[str, tuple[Any, Callable[..., Tensor], Callable[[Tensor], Any]]] = {
    "tuple": (X, lambda x: x, lambda y: (y, 1)),
    "list": (X, lambda x: x, lambda y: [y]),
    "dict": (X, lambda x: x, lambda y: {"aux": y[:, :2], "logits": y}),
    "dict without logits": (X, lambda x: x, lambda y: {"out": y, "aux": y[:, :2]}),
    "object": (X, lambda x: x, lambda y: Output(y[:, :2], y)),
    "keyword inputs": ({"b": X * 0, "a": X}, lambda a, b: a + b, lambda y: y),
    "positional inputs": ((X, X * 0), lambda a, b: a + b, lambda y: y),
    "an input without samples": ((X, torch.tensor(1.0)), lambda a, b: a * b, lambda y: y),
    "in place on its input": (X, lambda x: x.mul_(1.0), lambda y: y),
    "data-dependent": (X, lambda x: x if float(x.detach().mean()) > -9 else -x, lambda y: y),
}


@pytest.mark.parametrize("form", FORMS)
def test_inputs_and_outputs_of_any_form(form: str) -> None:
    inputs, into, out = FORMS[form]
    expected = evaluate(mlp(), (X, Y), ALL)
    found = evaluate(Wrapped(into, out), Batch(inputs, Y), ALL)
    # Two inputs of ones that are added make twice the flow.
    doubled = math.log(2) if form in ("keyword inputs", "positional inputs") else 0.0
    assert found["synflow"].value == pytest.approx(expected["synflow"].value + doubled, rel=1e-12)
    for name in set(ALL) - {"synflow"}:
        assert found[name].value == expected[name].value, name


@pytest.mark.parametrize("out", [lambda y: None, lambda y: y.argmax(1), lambda y: (1, "a")])
def test_an_output_that_is_no_prediction(out: Callable[[Tensor], Any]) -> None:
    found = outcomes(Wrapped(lambda x: x, out), (X, Y), ["snip", "naswot", "synflow", "flops"])
    for name in ("snip", "naswot", "synflow"):
        assert "not a prediction" in str(found[name])
    assert not isinstance(found["flops"], NasproxyError)


class Tokens(nn.Module):
    def __init__(self, tied: bool) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(20, 6), nn.Linear(6, 20, bias=False)
        self.hidden = nn.Linear(6, 6)
        if tied:
            self.head.weight = self.table.weight

    def forward(self, ids: Tensor) -> Tensor:
        scores: Tensor = self.head(F.gelu(self.hidden(self.table(ids))))
        return scores


def test_a_tied_weight_counts_once_and_an_embedding_alone_is_no_node() -> None:
    ids = torch.arange(40).reshape(8, 5) % 20
    asked = ["params", "l2_norm", "grad_norm", "snip", "synflow"]
    tied = evaluate(Tokens(True), Batch(ids, ids), asked)
    free = evaluate(Tokens(False), Batch(ids, ids), asked)
    assert tied["params"].value == 20 * 6 + 6 * 6 + 6
    assert free["params"].value == 2 * 20 * 6 + 6 * 6 + 6
    assert tied["l2_norm"].node_names == ("table.weight", "hidden.weight")
    assert free["l2_norm"].node_names == ("head.weight", "hidden.weight")


def test_the_gradient_of_a_shared_module_is_that_of_both_calls() -> None:
    torch.manual_seed(0)
    shared = nn.Linear(12, 12)
    network = nn.Sequential(shared, nn.ReLU(), shared, nn.Linear(12, 4))
    found = evaluate(network, (X, Y), ["grad_norm", "flops"])
    F.cross_entropy(network(X), Y).backward()
    assert found["grad_norm"].node_names == ("0.weight", "3.weight")
    assert found["grad_norm"].nodes[0] == pytest.approx(float(shared.weight.grad.norm()), rel=1e-5)
    assert found["flops"].value == 2 * 144 + 48


def test_modules_and_weights_that_stand_in_two_places_are_kept() -> None:
    """torch's functional_call leaves the replacements in a module that is registered twice."""
    shared, tied, norm = nn.Linear(12, 12), nn.Linear(12, 12), nn.BatchNorm1d(12)
    tied.weight = shared.weight
    network = nn.Sequential(
        shared, norm, nn.ReLU(), shared, norm, tied, nn.Linear(12, 60), nn.ReLU()
    )
    network.append(nn.Sequential(nn.Linear(60, 60), nn.ReLU(), nn.Linear(60, 4)))
    state = {name: id(t) for name, t in network.state_dict(keep_vars=True).items()}
    values = {name: t.clone() for name, t in network.state_dict().items()}
    for asked in [*([name] for name in ALL), ALL]:
        evaluate(network, (X, Y), asked)
        assert {n: id(t) for n, t in network.state_dict(keep_vars=True).items()} == state
        assert all(torch.equal(t, values[n]) for n, t in network.state_dict().items())


def test_a_normalisation_is_known_by_its_name_unless_it_holds_more() -> None:
    class RMSNorm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(6, 8, 8))
            self.drop = nn.Dropout(0.1)

        def forward(self, x: Tensor) -> Tensor:
            return self.drop(x) * self.scale

    class ConvBatchNorm(nn.Sequential):
        pass

    composite = ConvBatchNorm(nn.Conv2d(3, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6))
    assert not is_normalisation(composite)
    for norm in (nn.BatchNorm2d(6), nn.LayerNorm([6, 8, 8]), nn.GroupNorm(2, 6), RMSNorm()):
        assert is_normalisation(norm)
        assert not weight_nodes(parts_of(norm)), "the scale of a normalisation is no node"
    tail = [nn.ReLU(), nn.Flatten(), nn.Linear(384, 4)]
    batch = (normal(3, 8, 8), Y)
    expected = evaluate(
        nn.Sequential(nn.Sequential(*composite), *tail), batch, ["synflow", "flops"]
    )
    found = evaluate(nn.Sequential(composite, *tail), batch, ["synflow", "flops"])
    assert {n: s.value for n, s in found.items()} == {n: s.value for n, s in expected.items()}


def test_the_networks_own_hooks_and_forward_are_used_and_kept() -> None:
    network, calls = mlp(), []
    handle = network[0].register_forward_hook(lambda *_: calls.append("hook"))
    own = network[1].forward
    network[1].forward = functools.partial(own)  # type: ignore[method-assign]
    replaced = network[1].forward
    expected = evaluate(mlp(), (X, Y), ALL)
    found = evaluate(network, (X, Y), ALL)
    assert {n: s.value for n, s in found.items()} == {n: s.value for n, s in expected.items()}
    assert calls == ["hook"] * 3  # count, batch, data-free
    assert network[1].forward is replaced
    assert list(network[0]._forward_hooks) == [handle.id]


def test_a_network_that_clips_its_own_weights_keeps_them() -> None:
    class Clipped(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                self.weight.clamp_(-0.01, 0.01)
            return F.relu(super().forward(x))

    torch.manual_seed(0)
    network = Clipped(12, 40)
    before = network.weight.detach().clone()
    outcomes(network, (X, Y), ALL)
    assert torch.equal(network.weight, before)


def test_a_part_that_fails_inside_the_network_does_not_shift_the_names() -> None:
    class Tries(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wrong, self.right = nn.Linear(3, 3), nn.Linear(12, 40)
            self.act = nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            try:
                x = self.wrong(x)
            except RuntimeError:
                x = self.right(x)
            return F.relu(x) + self.act(x)

    found = evaluate(Tries(), (X, Y), ["naswot", "flops"])
    assert found["naswot"].node_names == ("", "act")
    assert found["flops"].node_names == ("right",)


def test_a_network_that_cannot_be_differentiated() -> None:
    class Overwrites(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            y = torch.sigmoid(super().forward(x))
            z = y * y
            y.add_(1)
            return z

    found = outcomes(Overwrites(12, 4), (X, Y), ["snip", "synflow", "l2_norm"])
    assert "no gradient can be taken" in str(found["snip"])
    assert "no gradient can be taken" in str(found["synflow"])
    assert not isinstance(found["l2_norm"], NasproxyError)


def test_fixed_matrices_take_part_in_synflow() -> None:
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("matrix", torch.full((12, 6), 2.0))
            self.linear = nn.Linear(6, 4)

        def forward(self, x: Tensor) -> Tensor:
            scores: Tensor = self.linear(x @ self.matrix)
            return scores

    network = Fixed()
    expected = (24.0 * network.linear.weight.detach().double().abs()).sum().log()
    found = evaluate(network, X, "synflow")["synflow"].value
    assert found == pytest.approx(float(expected), rel=1e-12)
    assert network.get_buffer("matrix").dtype == torch.float32


SHAPES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "1d": (lambda: nn.Conv1d(3, 4, 3), (3, 9)),
    "3d": (lambda: nn.Conv3d(3, 4, 3), (3, 4, 5, 6)),
    "transposed": (lambda: nn.ConvTranspose2d(3, 4, 2, stride=2), (3, 5, 5)),
    "depthwise": (lambda: nn.Conv2d(3, 6, 3, groups=3), (3, 8, 8)),
    "weight norm": (
        lambda: nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3)),
        (3, 8, 8),
    ),
    "spectral norm": (
        lambda: nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 4, 3)),
        (3, 8, 8),
    ),
    "encoder": (lambda: nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), (5, 16)),
    "channels last": (
        lambda: nn.Conv2d(3, 6, 3).to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        (3, 8, 8),
    ),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("kind", SHAPES)
def test_layers_of_all_kinds_in_all_precisions(kind: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    make, shape = SHAPES[kind]
    layer, x = make(), normal(*shape)
    outputs = layer(x).flatten(1).shape[1]
    network = nn.Sequential(layer, nn.ReLU(inplace=True), nn.Flatten(), nn.Dropout(0.1))
    network.append(nn.Linear(outputs, 4))
    before = {n: t.clone() for n, t in network.to(dtype).state_dict().items()}
    found = evaluate(network, (x.to(dtype), Y), ALL)
    assert set(found) == set(ALL)
    assert all(score.value > 0 for score in found.values())
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name])


class Last(nn.Module):
    def __init__(self, recurrent: nn.Module) -> None:
        super().__init__()
        self.recurrent, self.head = recurrent, nn.Linear(12, 60)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.head(self.recurrent(x)[0][:, -1]))


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_recurrent_networks(kind: type[nn.Module]) -> None:
    torch.manual_seed(0)
    network = Last(kind(16, 12, batch_first=True))
    found = evaluate(network, (normal(5, 16), Y), ALL)
    assert "recurrent.weight_hh_l0" in found["snip"].node_names
    alone = evaluate(network, (normal(5, 16), Y), "naswot")["naswot"]
    assert alone.value == found["naswot"].value


def test_transformers_of_the_hub() -> None:
    """BERT (keyword inputs with a mask) and GPT-2, whose gelu_new is a formula: all seven."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    ids = torch.randint(0, 60, (8, 12))
    bert = transformers.BertForSequenceClassification(
        transformers.BertConfig(
            vocab_size=60,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            num_labels=4,
        )
    )
    found = evaluate(
        bert, Batch({"input_ids": ids, "attention_mask": torch.ones_like(ids)}, Y), ALL
    )
    layer = 12 * (4 * 16 * 16 + 2 * 16 * 32) + 2 * 12 * 12 * 16
    assert found["flops"].value == 2 * layer + 16 * 16 + 16 * 4
    small = {"vocab_size": 60, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32}
    tokens = {"bos_token_id": 0, "eos_token_id": 0}
    for activation in ("relu", "gelu_new"):
        config = transformers.GPT2Config(**small, **tokens, activation_function=activation)
        gpt = transformers.GPT2LMHeadModel(config)
        outcome = outcomes(gpt, Batch({"input_ids": ids}, ids), ALL)
        assert not {n for n, o in outcome.items() if isinstance(o, NasproxyError)}
