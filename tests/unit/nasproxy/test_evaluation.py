"""evaluate(): what it takes, what it refuses and how it says so, and what it leaves behind."""

import gc
import subprocess
import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nasproxy import evaluate
from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.evaluation import explain, outcomes
from nasproxy.proxies import names
from nasproxy.proxies.proxy import Proxy
from nasproxy.tracing import WEIGHTS

X = torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(0))
Y = torch.arange(8) % 4
# Those that read every network here; the later ones ask for more (positions, blocks, Jacobians).
ALL = ["params", "flops", "l2_norm", "grad_norm", "snip", "naswot", "synflow"]


def cnn() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(384, 4)
    )


BAD: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "unknown proxy": (lambda: evaluate(cnn(), (X, Y), ["naswat"]), ["naswat", "naswot"]),
    "none named": (lambda: evaluate(cnn(), (X, Y), []), ["no proxy is named", "synflow"]),
    "batch of one": (lambda: evaluate(cnn(), X[:1], "naswot"), ["at least 2", "has 1"]),
    "empty": (lambda: evaluate(cnn(), X[:0]), ["the batch is empty"]),
    "scalar": (lambda: evaluate(cnn(), torch.tensor(1.0)), ["the batch is empty"]),
    "no labels": (lambda: evaluate(cnn(), X, "snip"), ["snip", "no labels"]),
    "float labels": (lambda: evaluate(cnn(), (X, Y.float()), "snip"), ["torch.float32", "long()"]),
    "one-hot": (
        lambda: evaluate(cnn(), (X, torch.eye(4)[Y]), "snip"),
        ["torch.float32", "argmax"],
    ),
    "too few labels": (lambda: evaluate(cnn(), (X, Y[:5]), "snip"), ["(8, 4)", "(5,)"]),
    "label too high": (
        lambda: evaluate(cnn(), (X, Y + 3), "snip"),
        ["3 to 6", "4 classes", "7 classes"],
    ),
    "label negative": (lambda: evaluate(cnn(), (X, Y - 1), "snip"), ["-1 to 2", "from 0"]),
    "channels": (lambda: evaluate(cnn(), X[:, :1], "naswot"), ["[8, 1, 8, 8] float32", "channels"]),
    "channels, flops": (lambda: evaluate(cnn(), X[:, :1], "flops"), ["[1, 1, 8, 8]", "channels"]),
    "integer images": (lambda: evaluate(cnn(), X.byte(), "naswot"), ["[8, 3, 8, 8] uint8"]),
    "nan": (lambda: evaluate(cnn(), X * float("nan"), "naswot"), ["32 values", "32 are NaN"]),
    "infinite": (lambda: evaluate(cnn(), (X * float("inf"), Y), "snip"), ["NaN or infinite"]),
    "zero images": (lambda: evaluate(cnn(), X * 0, "naswot"), ["singular", "distinct samples"]),
    "the same image": (lambda: evaluate(cnn(), X[[0] * 8], "naswot"), ["singular"]),
    "no weights": (lambda: evaluate(nn.ReLU(), (X, Y), "snip"), ["no weights"]),
    "no activations": (lambda: evaluate(nn.Flatten(), X, "naswot"), ["finds nothing", "ReLU"]),
    "lazy": (lambda: evaluate(nn.LazyLinear(3), X), ["weight has no numbers", "call the network"]),
    "seed": (lambda: evaluate(cnn(), X, seed=-1), ["seed is -1"]),
    "large seed": (lambda: evaluate(cnn(), X, seed=2**70), ["2^63"]),
    "loss fails": (
        lambda: evaluate(cnn(), (X, Y), "snip", loss=lambda p, y: p @ y),
        ["the loss cannot be computed"],
    ),
    "loss of a batch": (
        lambda: evaluate(cnn(), (X, Y), "snip", loss=lambda p, y: p),
        ["a tensor of 32"],
    ),
    "loss nan": (
        lambda: evaluate(cnn(), (X, Y), "snip", loss=lambda p, y: p.sum() * float("nan")),
        ["the loss is nan"],
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_said_in_the_users_terms(case: str) -> None:
    call, fragments = BAD[case]
    with pytest.raises(NasproxyError) as caught:
        call()
    for fragment in fragments:
        assert fragment in str(caught.value)
    assert caught.value.accepted
    assert len(str(caught.value)) < 600


WRONG_TYPES = {
    "evaluate(cnn(), X, [nn.ReLU])": ["is not a proxy"],
    "evaluate(cnn(), None)": ["NoneType is not a batch"],
    "evaluate(cnn(), {'x': X})": ["dict is not a batch", "Batch({"],
    "evaluate(cnn(), (X.numpy(), Y))": ["ndarray", "as_tensor"],
    "evaluate(cnn(), (X, [0] * 8))": ["list, not a tensor"],
    "evaluate(len, X)": ["is not a network"],
    "evaluate(nn.ReLU, X)": ["is not a network"],
    "evaluate(cnn(), X, seed='a')": ["seed is 'a'"],
}


def test_objects_of_the_wrong_type_are_said_in_the_users_terms() -> None:
    # In a process of its own: the tests' run-time type checks would answer first, and users have
    # none.
    script = """
import torch
from torch import nn
from nasproxy import evaluate
from nasproxy.errors import NasproxyError
X, Y = torch.ones(8, 3, 8, 8), torch.arange(8) % 4
cnn = lambda: nn.Sequential(nn.Conv2d(3, 6, 3), nn.Flatten(), nn.Linear(216, 4))
"""
    for call in WRONG_TYPES:
        script += f"""
try:
    {call}
    print("no error")
except NasproxyError as error:
    print(repr(str(error)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    for said, (call, fragments) in zip(done.stdout.splitlines(), WRONG_TYPES.items(), strict=True):
        for fragment in fragments:
            assert fragment in said, call


def test_all_zero_weights_have_no_flow() -> None:
    network = cnn()
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    found = outcomes(network, (X, Y), ALL)
    assert {n for n, o in found.items() if isinstance(o, NasproxyError)} == {"naswot", "synflow"}
    assert found["grad_norm"].value == 0.0  # type: ignore[union-attr]


def test_a_hidden_nan_is_an_error_though_the_output_is_finite() -> None:
    class Masked(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            hidden = torch.relu(torch.where(x > 0, x, float("nan")))
            return torch.nan_to_num(hidden).flatten(1)

    with pytest.raises(NasproxyError, match="receives NaN"):
        evaluate(Masked(), X, "naswot")


def test_a_failing_proxy_leaves_the_others_of_its_pass() -> None:
    found = outcomes(cnn(), X, ["snip", "naswot"])
    assert isinstance(found["snip"], NasproxyError)
    assert found["naswot"].value == evaluate(cnn(), X, "naswot")["naswot"].value  # type: ignore[union-attr]


class Complex(nn.Module):
    """A layer of complex weights, as Fourier operators have them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.mix = nn.Parameter(torch.randn(192, 12, dtype=torch.complex64))
        self.head = nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(torch.relu((x.flatten(1).to(torch.complex64) @ self.mix).real))
        return scores


def test_complex_weights_are_refused_where_they_are_read_and_nowhere_else() -> None:
    found = outcomes(Complex(), (X, Y), ["naswot", "params", "flops", "jacob_cov"])
    asked = outcomes(Complex(), (X, Y), names())
    for name in ("naswot", "params", "jacob_cov"):
        assert asked[name].value == found[name].value, name  # type: ignore[union-attr]
    for name in ("l2_norm", "snip", "plain", "grad_norm", "grasp", "zico", "gradsign", "ntk"):
        assert "the weight 'mix' is torch.complex64" in str(asked[name]), name


def test_weights_of_whole_numbers_are_no_nodes() -> None:
    class Quantised(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            whole = torch.randint(-8, 8, (192, 12)).to(torch.int8)
            self.whole = nn.Parameter(whole, requires_grad=False)
            self.norm, self.head = nn.LayerNorm(12), nn.Linear(12, 4)

        def forward(self, x: Tensor) -> Tensor:
            mixed = self.norm(x.flatten(1) @ self.whole.to(x.dtype))
            scores: Tensor = self.head(torch.relu(mixed))
            return scores

    found = outcomes(Quantised(), (X, Y), [*ALL, "jacob_cov", "grasp", "zico", "ntk"])
    for name, outcome in found.items():
        assert not isinstance(outcome, NasproxyError), (name, outcome)
    assert found["grad_norm"].node_names == ("head.weight",)  # type: ignore[union-attr]
    assert found["params"].value == 192 * 12 + 24 + 52  # type: ignore[union-attr]


def test_what_no_pass_foresaw_is_an_error_of_its_proxies() -> None:
    with torch.device("meta"):
        nowhere = nn.Sequential(nn.Flatten(), nn.Linear(192, 4))
    found = outcomes(nowhere, (X, Y), ["params", "naswot", "snip", "meco"])
    assert found["params"].value == 193 * 4  # type: ignore[union-attr]
    for name in ("naswot", "snip", "meco"):
        assert "pass fails on this network" in str(found[name]), found[name]


def test_a_proxy_of_somebodys_own_that_fails_leaves_the_others() -> None:
    def broken(_trace: object) -> dict[str, float]:
        raise KeyError("my key\nand more")

    mine = Proxy("mine", "mine", (WEIGHTS,), broken, "weights", "none")
    found = outcomes(cnn(), X, [mine, "naswot"])
    assert not isinstance(found["naswot"], NasproxyError)
    assert str(found["mine"]).startswith("mine fails on this network: KeyError: ")
    with pytest.raises(NasproxyError) as caught:
        evaluate(cnn(), X, mine)
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.__cause__.__traceback__ is not None


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_inputs_are_given_in_the_dtype_of_the_network(dtype: torch.dtype) -> None:
    asked = [*ALL, "jacob_cov", "meco", "zico", "fisher"]
    expected = evaluate(cnn(), (X, Y), asked)
    found = evaluate(cnn().to(dtype), (X, Y), asked)
    for name, score in expected.items():
        assert found[name].value == pytest.approx(score.value, rel=0.1), name
    mixed = nn.Sequential(cnn(), nn.Linear(4, 4).double())
    assert "dtype" in str(outcomes(mixed, X, "naswot")["naswot"])


def test_a_compiled_network_scores_as_the_network_in_it() -> None:
    asked = ["naswot", "grad_norm", "synflow", "jacob_cov"]
    expected = evaluate(cnn(), (X, Y), asked)
    found = evaluate(torch.compile(cnn(), backend="eager"), (X, Y), asked)  # type: ignore[arg-type]
    assert [found[name].value for name in asked] == [expected[name].value for name in asked]
    assert found["naswot"].node_names == expected["naswot"].node_names


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_is_refused_whose_gradients_would_be_zeros() -> None:
    whole = torch.jit.script(cnn())  # type: ignore[no-untyped-call]
    with pytest.raises(NasproxyError, match="the network is TorchScript"):
        evaluate(whole, (X, Y), "grad_norm")
    with pytest.raises(NasproxyError, match="the part '0' of the network is TorchScript"):
        evaluate(nn.Sequential(whole, nn.Linear(4, 4)), (X, Y), "grad_norm")


def test_two_proxies_of_one_name_are_refused() -> None:
    mine = Proxy("snip", "mine", (WEIGHTS,), lambda trace: {"a": 1.0}, "weights", "none")
    with pytest.raises(NasproxyError, match="two different proxies are named 'snip'"):
        evaluate(cnn(), (X, Y), ["snip", mine])
    assert evaluate(cnn(), (X, Y), mine)["snip"].value == 1.0


def test_explain_names_each_pass_once() -> None:
    steps = explain(ALL)
    assert [name for name, _, _ in steps] == ["read", "count", "batch", "data-free"]
    assert {name for _, _, readers in steps for name in readers} == set(ALL)
    assert explain("naswot") == [("batch", "1 forward", ["naswot"])]


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("inside", ["network", "inputs", "call", "all"])
def test_the_callers_gradient_mode_does_not_matter(mode: Any, inside: str) -> None:
    expected = evaluate(cnn(), (X, Y), ALL)
    with mode(inside in ("network", "all")) if mode is torch.inference_mode else mode():
        network = cnn()
    if inside in ("inputs", "all"):
        with mode():
            x, y = X.clone(), Y.clone()
    else:
        x, y = X, Y
    if inside in ("call", "all"):
        with mode():
            found = evaluate(network, (x, y), ALL)
    else:
        found = evaluate(network, (x, y), ALL)
    assert {n: s.value for n, s in found.items()} == {n: s.value for n, s in expected.items()}


def test_inputs_that_require_gradients_get_none() -> None:
    x = X.clone().requires_grad_()
    found = evaluate(cnn(), (x, Y), ALL)
    assert x.grad is None
    assert found["snip"].value == evaluate(cnn(), (X, Y), "snip")["snip"].value


def test_integer_labels_of_any_width_are_class_indices() -> None:
    expected = evaluate(cnn(), (X, Y), "snip")["snip"].value
    for dtype in (torch.int32, torch.uint8):
        assert evaluate(cnn(), (X, Y.to(dtype)), "snip")["snip"].value == expected


def test_nothing_keeps_the_network_alive() -> None:
    network = cnn()
    dead = weakref.ref(network)
    scores = evaluate(network, (X, Y), ALL)
    del network
    gc.collect()
    assert dead() is None
    assert scores


def test_an_error_that_is_kept_does_not_keep_the_network() -> None:
    class Failing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            raise ValueError("half way")

    kept = []
    for make in (Failing, cnn):
        network = make()
        dead = weakref.ref(network)
        kept.append(outcomes(network, (X * float("nan"), Y + 9), ["snip", "naswot", "flops"]))
        del network
        gc.collect()
        assert dead() is None
    assert "half way" in str(kept[0]["snip"])


def test_no_growth_over_fifty_evaluations() -> None:
    network = cnn()

    def alive() -> tuple[int, int]:
        gc.collect()
        objects = gc.get_objects()
        return len(objects), sum(issubclass(type(o), Tensor) for o in objects)

    for _ in range(3):
        evaluate(network, (X, Y), ALL)
    objects, tensors = alive()
    for _ in range(50):
        evaluate(network, (X, Y), ALL)
    more_objects, more_tensors = alive()
    assert more_tensors == tensors
    assert more_objects - objects < 2_000  # torch's own caches fill; one network here has 200


def test_batch_first_keeps_what_holds_no_samples() -> None:
    batch = Batch({"x": X, "mask": torch.ones(5, 5), "scale": torch.tensor(2.0)}, Y)
    one = batch.first()
    assert [tuple(t.shape) for t in one.tensors] == [(1, 3, 8, 8), (5, 5), ()]
    assert one.labels is None
    np.testing.assert_array_equal(one.tensors[0], X[:1])
