"""plain, fisher, jacob_cov, epe_nas and grasp against their formulas in plain torch and numpy."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nasproxy import evaluate
from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.proxies.fisher import FISHER, FISHER_OF_WEIGHTS
from nasproxy.testing.networks import Transformer

N = 8
LABELS = torch.arange(N) % 4


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(N, *shape, generator=torch.Generator().manual_seed(seed))


def convolutional(*, inplace: bool = False) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 4, 3, stride=2, groups=2),
        nn.ReLU(inplace=inplace),  # overwrites the convolution's output
        nn.Flatten(),
        nn.Linear(36, 4),
    ).double()


IMAGES = normal(3, 8, 8).double()


def test_plain_is_weights_times_gradients() -> None:
    network = convolutional()
    score = evaluate(network, (IMAGES, LABELS), "plain")["plain"]
    F.cross_entropy(network(IMAGES), LABELS).backward()
    weights = {n: p for n, p in network.named_parameters() if p.ndim > 1}
    expected = [float((w.detach() * w.grad).sum()) for w in weights.values() if w.grad is not None]
    assert score.node_names == tuple(weights)
    np.testing.assert_allclose(score.nodes, expected, rtol=1e-9, atol=1e-15)
    # The loss does not change with the scale of a weight that a normalisation follows.
    assert abs(score.nodes[0]) < 1e-4 * abs(score.nodes[-1])


def reference_fisher(network: nn.Sequential, x: Tensor) -> dict[str, list[float]]:
    """Per channel, 1/2n sum_i (sum_p a da)^2, in loops over the network's own backward."""
    outputs = {}
    for name, layer in network.named_children():
        x = layer(x)
        if isinstance(layer, nn.Conv2d | nn.Linear):
            x.retain_grad()
            outputs[name] = x
    F.cross_entropy(x, LABELS).backward()
    found = {}
    for name, out in outputs.items():
        assert out.grad is not None
        product = (out * out.grad).detach().reshape(N, out.shape[1], -1).numpy()
        found[name] = [
            sum(product[i, c].sum() ** 2 for i in range(N)) / (2 * N) for c in range(out.shape[1])
        ]
    return found


@pytest.mark.parametrize("inplace", [False, True])
def test_fisher_is_the_formula_over_channels(inplace: bool) -> None:
    score = evaluate(convolutional(inplace=inplace), (IMAGES, LABELS), [FISHER, FISHER_OF_WEIGHTS])
    channels = reference_fisher(convolutional(), IMAGES)
    assert score["fisher"].node_names == tuple(channels)
    np.testing.assert_allclose(
        score["fisher"].nodes, [sum(v) for v in channels.values()], rtol=1e-10
    )
    per_channel = [3 * 9, 3 * 9, 36]  # weights of an output channel
    expected = [sum(v) * k for v, k in zip(channels.values(), per_channel, strict=True)]
    np.testing.assert_allclose(score["fisher_of_weights"].nodes, expected, rtol=1e-10)


def test_fisher_sums_over_tokens_and_gives_dead_modules_zero() -> None:
    class Tokens(nn.Module):
        def __init__(self, where: Callable[[Tensor], Tensor]) -> None:
            super().__init__()
            torch.manual_seed(1)
            self.linear, self.dead, self.where = nn.Linear(5, 3), nn.Linear(3, 2), where

        def forward(self, x: Tensor) -> Tensor:
            out = self.linear(self.where(x))
            self.dead(out)
            return out.reshape(-1, 3).sum(dim=0)[None] * 0.1 + x.sum() * 0

    def total(predicted: Tensor, _labels: Tensor) -> Tensor:
        return predicted.square().sum()

    x = normal(7, 5).double()
    network = Tokens(lambda v: v).double()
    out = network.linear(x).detach()
    upstream = 2 * 0.1**2 * out.sum(dim=(0, 1))
    expected = float(((out * upstream).sum(dim=1) ** 2).sum() / (2 * N))
    layouts: list[Callable[[Tensor], Tensor]] = [
        lambda v: v,
        lambda v: v.transpose(0, 1),  # sequence first
        lambda v: v.reshape(-1, 5),  # tokens folded into the samples
    ]
    for where in layouts:
        score = evaluate(Tokens(where).double(), (x, LABELS), "fisher", loss=total)["fisher"]
        assert dict(zip(score.node_names, score.nodes, strict=True)) == {
            "linear": pytest.approx(expected, rel=1e-10),
            "dead": 0.0,
        }


def reference_jacobian(network: nn.Module, x: Tensor) -> np.ndarray:
    """Central differences of the summed outputs, one input element at a time."""
    rows = np.empty((len(x), x[0].numel()))
    step = 1e-6
    with torch.no_grad():
        for i in range(len(x)):
            for d in range(x[0].numel()):
                up, down = x.clone(), x.clone()
                up[i].view(-1)[d] += step
                down[i].view(-1)[d] -= step
                rows[i, d] = float((network(up).sum() - network(down).sum()) / (2 * step))
    return rows


def jacob_cov(jacobian: np.ndarray) -> float:
    values = np.linalg.eigvalsh(np.corrcoef(jacobian))
    return -sum(math.log(v + 1e-5) + 1 / (v + 1e-5) for v in values)


def epe_nas(jacobian: np.ndarray, labels: list[int], *, many: bool) -> float:
    sums = []
    for c in sorted(set(labels)):
        rows = [i for i, label in enumerate(labels) if label == c]
        total = 0.0
        for i in rows:
            for j in rows:
                total += math.log(abs(np.corrcoef(jacobian[i], jacobian[j])[0, 1]) + 1e-5)
        sums.append(total / len(rows) if many else total)
    if not many:
        return sum(abs(s) for s in sums)
    pairs = [abs(a - b) for k, a in enumerate(sums) for b in sums[k + 1 :]]
    return sum(pairs) / len(sums)


def smooth() -> nn.Sequential:
    torch.manual_seed(2)
    # 4 x 4 images, batch normalisation mixes the samples
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Tanh(), nn.Flatten(), nn.Linear(64, 3)
    ).double()


@pytest.mark.parametrize("classes", [None, 4, 101])
def test_jacobian_proxies_are_the_formulas_on_finite_differences(classes: int | None) -> None:
    x = normal(2, 4, 4, seed=3).double()
    labels = torch.tensor([0, 0, 0, 2, 2, 1, 1, 2])
    jacobian = reference_jacobian(smooth(), x)
    scores = evaluate(
        smooth(), Batch(x, labels, classes), ["jacob_cov", "epe_nas"], loss=lambda p, _: p.sum()
    )
    assert scores["jacob_cov"].value == pytest.approx(jacob_cov(jacobian), rel=1e-5)
    expected = epe_nas(jacobian, labels.tolist(), many=classes == 101)
    assert scores["epe_nas"].value == pytest.approx(expected, rel=1e-5)


def test_jacob_cov_of_a_linear_network_and_of_uncorrelated_samples() -> None:
    # One Jacobian for all samples: eigenvalues n and n - 1 times 0.
    linear = evaluate(nn.Linear(6, 3).double(), normal(6).double(), "jacob_cov")["jacob_cov"]
    k = 1e-5
    expected = -(math.log(N + k) + 1 / (N + k) + (N - 1) * (math.log(k) + 1 / k))
    assert linear.value == pytest.approx(expected, rel=1e-6)

    class Apart(nn.Module):
        """Squares of disjoint inputs: sample i has x in places 2i and 2i + 1 only."""

        def forward(self, x: Tensor) -> Tensor:
            return x.square()

    x = torch.zeros(N, 2 * N, dtype=torch.float64)
    for i in range(N):
        x[i, 2 * i], x[i, 2 * i + 1] = 1.0, -1.0
    best = evaluate(Apart(), x, "jacob_cov")["jacob_cov"].value
    assert best == pytest.approx(-N * (math.log(1 + k) + 1 / (1 + k)), rel=1e-12)


def test_jacobian_of_token_ids_is_that_at_the_embeddings() -> None:
    class AtEmbeddings(nn.Module):
        def __init__(self, whole: Transformer) -> None:
            super().__init__()
            self.whole = whole

        def forward(self, embedded: Tensor) -> Tensor:
            hidden = self.whole.encoder(embedded + self.whole.positions(torch.arange(12)))
            scores: Tensor = self.whole.head(hidden.mean(dim=1))
            return scores

    torch.manual_seed(3)
    network = Transformer().double()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(module, nn.MultiheadAttention):
            module.dropout = 0.0
    ids = torch.randint(0, 50, (N, 12), generator=torch.Generator().manual_seed(0))
    jacobian = reference_jacobian(AtEmbeddings(network), network.tokens(ids).detach())
    scores = evaluate(network, (ids, LABELS), ["jacob_cov", "epe_nas"])
    assert scores["jacob_cov"].value == pytest.approx(jacob_cov(jacobian), rel=1e-4)
    expected = epe_nas(jacobian, LABELS.tolist(), many=False)
    assert scores["epe_nas"].value == pytest.approx(expected, rel=1e-4)


class Positioned(nn.Module):
    """Token ids and their positions, each embedded, and one output."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.tokens, self.positions = nn.Embedding(30, 3), nn.Embedding(N + 1, 3)
        self.hidden, self.head = nn.Linear(3, 6), nn.Linear(6, 2)

    def after(self, embedded: Tensor) -> Tensor:
        embedded = embedded + self.positions(torch.arange(embedded.shape[1]))
        scores: Tensor = self.head(torch.tanh(self.hidden(embedded)).sum(dim=1))
        return scores

    def forward(self, ids: Tensor) -> Tensor:
        return self.after(self.tokens(ids))


@pytest.mark.parametrize("length", [N - 1, N, N + 1])
def test_positions_are_no_samples_where_there_are_as_many(length: int) -> None:
    network = Positioned().double()
    ids = torch.randint(0, 30, (N, length), generator=torch.Generator().manual_seed(4))
    embedded = network.tokens(ids).detach().requires_grad_()
    (jacobian,) = torch.autograd.grad(network.after(embedded).sum(), embedded)
    found = evaluate(network, ids, "jacob_cov")["jacob_cov"].value
    assert found == pytest.approx(jacob_cov(jacobian.flatten(1).numpy()), rel=1e-9)


def test_one_id_a_sample_is_embedded_as_a_sample() -> None:
    class Columns(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(1)
            self.table, self.hidden = nn.Embedding(30, 3), nn.Linear(3, 6)

        def forward(self, ids: Tensor) -> Tensor:
            scores: Tensor = self.hidden(torch.tanh(self.table(ids[:, 0]) * self.table(ids[:, 1])))
            return scores

    ids = torch.randint(0, 30, (N, 2), generator=torch.Generator().manual_seed(4))
    assert math.isfinite(evaluate(Columns(), ids, "jacob_cov")["jacob_cov"].value)

    class Numbered(Columns):
        """Samples that are numbered one after the other."""

        def forward(self, ids: Tensor) -> Tensor:
            scores: Tensor = self.hidden(torch.tanh(self.table(ids)))
            return scores

    assert math.isfinite(evaluate(Numbered(), torch.arange(N), "jacob_cov")["jacob_cov"].value)


def test_a_tied_embedding_keeps_its_whole_gradient_beside_a_jacobian() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.embedding, self.head = nn.Embedding(9, 4), nn.Linear(4, 9, bias=False)
            self.head.weight = self.embedding.weight

        def forward(self, ids: Tensor) -> Tensor:
            out = self.embedding(ids)
            out += 1.0  # in place, on what the Jacobian is taken by
            scores: Tensor = self.head(torch.tanh(out).mean(dim=1))
            return scores

    ids = torch.arange(N * 3).reshape(N, 3) % 9
    network = Tied()
    found = evaluate(network, (ids, LABELS), ["jacob_cov", "grad_norm"])
    F.cross_entropy(network(ids), LABELS).backward()
    assert network.embedding.weight.grad is not None
    assert found["grad_norm"].value == pytest.approx(
        float(network.embedding.weight.grad.norm()), rel=1e-5
    )


def test_a_sample_without_gradient_is_an_error() -> None:
    class OfTheFirst(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.square() * (torch.arange(len(x))[:, None] == 0)

    with pytest.raises(NasproxyError, match="sample 1 of the batch"):
        evaluate(OfTheFirst(), normal(5), "jacob_cov")


def reference_grasp(network: nn.Module, x: Tensor) -> dict[str, float]:
    """-w . (H g) from the whole Hessian, entry by entry."""
    weights = {n: p.detach() for n, p in network.named_parameters() if p.ndim > 1}
    others = {n: p.detach() for n, p in network.named_parameters() if p.ndim == 1}
    names, sizes = list(weights), [w.numel() for w in weights.values()]

    def loss(flat: Tensor) -> Tensor:
        parts = dict(zip(names, flat.split(sizes), strict=True))
        state = {n: parts[n].view_as(w) for n, w in weights.items()} | others
        return F.cross_entropy(torch.func.functional_call(network, state, (x,)), LABELS)

    flat = torch.cat([w.flatten() for w in weights.values()])
    gradient = torch.autograd.functional.jacobian(loss, flat)
    hessian = torch.autograd.functional.hessian(loss, flat)
    saliency = -flat * (hessian @ gradient)
    return {n: float(s.sum()) for n, s in zip(names, saliency.split(sizes), strict=True)}


def small(activation: nn.Module) -> nn.Sequential:
    torch.manual_seed(4)
    return nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.GroupNorm(1, 3), activation, nn.Flatten(), nn.Linear(12, 4)
    ).double()


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.SiLU(), nn.Tanh(), nn.GELU()])
def test_grasp_is_minus_weights_times_hessian_times_gradient(activation: nn.Module) -> None:
    x = normal(2, 4, 4).double()
    score = evaluate(small(activation), (x, LABELS), "grasp")["grasp"]
    expected = reference_grasp(small(activation), x)
    assert score.node_names == tuple(expected)
    np.testing.assert_allclose(score.nodes, list(expected.values()), rtol=1e-8, atol=1e-14)


class Attention(nn.Module):
    """Fused attention, which has no second derivative of its own."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.attention, self.head = nn.MultiheadAttention(4, 2, batch_first=True), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        attended = self.attention(x, x, x, need_weights=False)[0]
        scores: Tensor = self.head(attended.mean(dim=1))
        return scores


def test_grasp_of_fused_attention_and_of_a_recurrence() -> None:
    x = normal(5, 4).double()
    score = evaluate(Attention().double(), (x, LABELS), "grasp")["grasp"]
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        expected = reference_grasp(Attention().double(), x)
    np.testing.assert_allclose(score.nodes, list(expected.values()), rtol=1e-8, atol=1e-14)


@pytest.mark.parametrize("network", [small(nn.SiLU()), small(nn.Mish()), convolutional()])
def test_a_graph_of_the_backward_does_not_change_the_first_gradient(network: nn.Module) -> None:
    """torch differentiates silu, mish and group_norm by other formulas where it keeps a graph."""
    shape = (3, 8, 8) if network[0].in_channels == 3 else (2, 4, 4)  # type: ignore[index]
    batch = (normal(*shape), LABELS)
    network = network.float()
    names = ["grad_norm", "snip", "plain", "fisher"]
    alone, beside = evaluate(network, batch, names), evaluate(network, batch, ["grasp", *names])
    for name in names:
        np.testing.assert_array_equal(alone[name].nodes, beside[name].nodes)
