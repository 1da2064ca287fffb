"""Every expert of a mixture is a feed-forward layer, with the tokens that chose it as rows."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import nasproxy
from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.proxies.wpca import vpca
from nasproxy.tracing.products import Products

EXPERTS, WIDTH, FEATURES = 3, 8, 12


def counted(rows, eta=0.99):
    values = np.linalg.eigvalsh(np.cov(rows.detach().double().numpy(), rowvar=False))[::-1]
    return int(np.argmax(np.cumsum(values) / values.sum() >= eta - 1e-12)) + 1


class Mixture(nn.Module):
    """One layer of experts, each token goes to one of them; written in different ways."""

    def __init__(self, how):
        super().__init__()
        self.how = how
        self.words = nn.Embedding(50, WIDTH)
        self.router = nn.Linear(WIDTH, EXPERTS)
        self.up = nn.Parameter(torch.randn(EXPERTS, FEATURES, WIDTH))
        self.down = nn.Parameter(torch.randn(EXPERTS, WIDTH, FEATURES))
        if how == "modules":
            self.each = nn.ModuleList(
                nn.Sequential(nn.Linear(8, 12, bias=False), nn.GELU(), nn.Linear(12, 8, bias=False))
                for _ in range(EXPERTS)
            )
            for i, expert in enumerate(self.each):
                expert[0].weight, expert[2].weight = (
                    nn.Parameter(w[i].clone()) for w in (self.up, self.down)
                )
            del self.up, self.down

    def forward(self, input_ids, attention_mask=None):
        x = self.words(input_ids)
        flat = x.view(-1, WIDTH)
        chosen = self.router(flat).softmax(-1).topk(1).indices[:, 0]
        return x + self.mixed(flat, chosen).view(x.shape)

    def mixed(self, flat, chosen):
        if self.how == "at once":
            inner = F.gelu(torch.einsum("nd,efd->enf", flat, self.up))
            return (inner @ self.down.transpose(1, 2))[chosen, torch.arange(len(flat))]
        if self.how == "a matrix a row":
            inner = F.gelu(torch.bmm(self.up[chosen], flat[:, :, None]))
            return torch.bmm(self.down[chosen], inner)[:, :, 0]
        if self.how == "sorted":
            order = chosen.argsort(stable=True)
            ends = torch.bincount(chosen, minlength=EXPERTS).cumsum(0).int()
            inner = F.gelu(F.grouped_mm(flat[order], self.up.transpose(1, 2), offs=ends))
            out = F.grouped_mm(inner, self.down.transpose(1, 2), offs=ends)
            return out[order.argsort()]
        found = torch.zeros_like(flat)
        for i in chosen.unique():
            at = torch.where(chosen == i)[0]
            if self.how == "modules":
                made = self.each[int(i)](flat[at])
            else:
                made = F.linear(F.gelu(F.linear(flat[at], self.up[i])), self.down[i])
            found.index_add_(0, at, made)
        return found


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("how", ["one by one", "modules", "sorted", "a matrix a row", "at once"])
def test_each_expert_counts_however_it_is_written(how, padded):
    torch.manual_seed(0)
    network = Mixture(how)
    matrices = [network.each[i][0].weight for i in range(3)] if how == "modules" else network.up
    ids = torch.randint(50, (16, 10))
    kept = torch.ones(16, 10, dtype=torch.long)
    if padded:
        kept[4:, 6:] = 0
    inputs = {"input_ids": ids, "attention_mask": kept}
    flat = network.words(ids).view(-1, WIDTH)
    chosen = network.router(flat).argmax(-1)
    expected, after = {}, {}
    for i, matrix in enumerate(matrices):
        to = torch.ones_like(chosen, dtype=torch.bool) if how == "at once" else chosen == i
        features = flat[to & kept.flatten().bool()] @ matrix.T
        name = f"each.{i}.0.weight" if how == "modules" else f"up[{i}]"
        expected[name], after[name] = counted(features), counted(F.gelu(features))
    for at, numbers in (("before", expected), ("after", after)):
        score = nasproxy.evaluate(network, Batch(inputs), [vpca(at=at)])["vpca"]
        assert dict(zip(score.node_names, score.nodes, strict=True)) == numbers


def test_an_expert_that_no_two_tokens_choose_is_no_node():
    torch.manual_seed(0)
    for how in ("one by one", "sorted"):
        network = Mixture(how)
        with torch.no_grad():
            network.router.bias.copy_(torch.tensor([0.0, 0.0, -100.0]))
        score = nasproxy.evaluate(network, torch.randint(50, (6, 10)), "vpca")["vpca"]
        assert set(score.node_names) == {"up[0]", "up[1]"}


def test_what_is_not_followed_is_an_error_and_no_smaller_score():
    class Blended(nn.Module):
        def __init__(self):
            super().__init__()
            self.up, self.down = nn.Parameter(torch.randn(3, 12, 8)), nn.Linear(12, 8)
            self.other, self.back = nn.Linear(8, 9), nn.Linear(9, 8)

        def forward(self, x):
            x = x + self.back(torch.relu(self.other(x)))
            return self.down(torch.relu(torch.einsum("nd,efd->nf", x, self.up)))

    with pytest.raises(NasproxyError, match="einsum multiplies by 'up' in a way that is not"):
        nasproxy.evaluate(Blended(), torch.randn(20, 8), "vpca")
    score = nasproxy.evaluate(Blended(), torch.randn(20, 8), [vpca(layers=["other"])])["vpca"]
    assert score.node_names == ("other.weight",)


@pytest.mark.parametrize(
    ("call", "inputs", "weight", "products"),
    [
        ("ibh,hnd->ibnd", (4, 3, 6), (6, 2, 5), 1),  # XLNet, heads
        ("ibnd,hnd->ibh", (4, 3, 2, 5), (6, 2, 5), 1),
        ("... d, df -> ... f", (4, 3, 6), (6, 5), 1),
        ("bte,ef->fbt", (4, 3, 6), (6, 5), 1),
        ("ebd,edf->ebf", (3, 4, 6), (3, 6, 5), 3),
        ("bd,edf->bef", (4, 6), (3, 6, 5), 3),
        (lambda x, w: torch.einsum("fd,bd->bf", w, x), (4, 6), (5, 6), 1),
        (torch.bmm, (3, 4, 6), (3, 6, 5), 3),
        (torch.matmul, (4, 6), (3, 6, 5), 3),
        (torch.matmul, (2, 3, 4, 6), (3, 6, 5), 3),
        (lambda x, w: torch.baddbmm(torch.zeros(3, 4, 5), x, w), (3, 4, 6), (3, 6, 5), 3),
        (lambda x, w: w @ x.transpose(1, 2), (3, 4, 6), (3, 5, 6), 3),
        (lambda x, w: torch.bmm(x, w[torch.tensor([1, 0, 1, 2])]), (4, 1, 6), (3, 6, 5), 3),
        (lambda x, w: x @ w.unbind()[1], (4, 6), (3, 6, 5), 1),
        (lambda x, w: x @ w[-1], (4, 6), (3, 6, 5), 1),
    ],
)
def test_a_product_is_its_rows_times_its_matrix(call, inputs, weight, products):
    torch.manual_seed(0)
    x, w = torch.randn(inputs), torch.randn(weight)
    seen = []

    def returned(made, out):
        seen.extend(made)
        for one in made:
            rows = one.inputs @ one.matrix.T
            torch.testing.assert_close(one.outputs(out).reshape(rows.shape), rows)

    with Products({"w": w}, lambda made: None, returned):
        _ = torch.einsum(call, x, w) if isinstance(call, str) else call(x, w)
    assert len({one.product.node for one in seen}) == len(seen) == products
    assert all(one.product.outputs == 5 or products == 1 for one in seen)


def hugging_face(kind):
    shape = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    few = {"num_experts_per_tok": 2, "num_key_value_heads": 2}
    if kind == "mixtral":
        from transformers import MixtralConfig, MixtralModel

        return MixtralModel(
            MixtralConfig(**shape, **few, intermediate_size=24, num_local_experts=4)
        )
    if kind == "gpt-oss":
        from transformers import GptOssConfig, GptOssModel

        config = GptOssConfig(**shape, **few, head_dim=8, intermediate_size=24, num_local_experts=4)
        return GptOssModel(config)
    from transformers import Qwen2MoeConfig, Qwen2MoeModel

    config = Qwen2MoeConfig(
        **shape,
        **few,
        intermediate_size=24,
        moe_intermediate_size=24,
        shared_expert_intermediate_size=32,
        num_experts=4,
    )
    return Qwen2MoeModel(config)


@pytest.mark.parametrize("kind", ["mixtral", "gpt-oss", "qwen2-moe"])
def test_hugging_face_mixtures(kind):
    torch.manual_seed(0)
    network = hugging_face(kind)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3)
    ids, mask = torch.randint(50, (6, 12)), torch.ones(6, 12, dtype=torch.long)
    mask[3:, 7:] = 0
    batch = Batch({"input_ids": ids, "attention_mask": mask})
    name = next(n for n, _ in network.named_modules() if n.endswith(".experts"))
    experts, given = network.get_submodule(name), []
    hook = experts.register_forward_pre_hook(lambda _m, inputs: given.append(inputs))
    with torch.no_grad():
        network.eval()(**batch.inputs)
    hook.remove()
    rows, chosen = given[0][0].view(-1, 16), given[0][1]
    for implementation in ("eager", "grouped_mm", "batched_mm"):
        network.set_experts_implementation(implementation)
        found = nasproxy.evaluate(network, batch, [vpca()])
        nodes = dict(zip(found["vpca"].node_names, found["vpca"].nodes, strict=True))
        for i, matrix in enumerate(experts.gate_up_proj):
            to = (chosen == i).any(-1) & mask.flatten().bool()
            if to.sum() > 1:
                features = rows[to] @ (matrix if kind == "gpt-oss" else matrix.T)
                assert nodes.pop(f"{name}.gate_up_proj[{i}]") == counted(features), implementation
        shared = ["layers.0.mlp.shared_expert.gate_proj.weight"] if kind == "qwen2-moe" else []
        assert list(nodes) == shared
    network.set_experts_implementation("grouped_mm")
    others = nasproxy.evaluate(network, batch, ["dss", "synaptic_saliency", "synaptic_diversity"])
    assert others["dss"].value > 0
    assert f"{name}.down_proj" in others["synaptic_saliency"].node_names
    mixing = others["synaptic_diversity"].node_names
    assert not any(node.endswith((".gate.weight", ".router.weight")) for node in mixing)
