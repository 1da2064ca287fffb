import copy
import pickle

import numpy as np
import pytest
import torch

import nasproxy
from nasproxy import proxies, spaces
from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.scoring.candidates import build_for, score_candidate
from nasproxy.spaces.draws import NormalDraws
from nasproxy.spaces.flexibert import FlexiBERT
from nasproxy.spaces.flexibert.operations import Transform, operation_of
from nasproxy.spaces.variants import variant
from nasproxy.tokens import random_tokens

ALL_OPERATIONS = "256|sdp-2-512x1|wma-4-1024x3|dft-2-512x3|dct-4-1024x1"
WITHOUT_COSINE = "256|sdp-2-512x1|wma-4-1024x3|dft-2-512x3|dsc5-4-512x1"
CONVOLUTIONS = "128|dsc5-2-512x1|dsc9-4-1024x3"


def _drawn(module):
    generator = torch.Generator().manual_seed(0)
    for part in module.modules():
        for name, parameter in list(part._parameters.items()):
            if parameter is not None and parameter.is_meta:
                drawn = torch.randn(parameter.shape, generator=generator) / 4
                part._parameters[name] = torch.nn.Parameter(drawn)
    return module.eval()


def test_the_fourier_transform_is_over_tokens_and_features_of_each_head():
    module = _drawn(Transform(8, 2, cosine=False))
    x = torch.randn(3, 5, 8)
    mixed = module.input(x)
    for head in (0, 1):
        part = slice(4 * head, 4 * head + 4)
        expected = torch.fft.fft(torch.fft.fft(mixed[..., part], dim=-1), dim=-2).real
        torch.testing.assert_close(module(x, None)[..., part], expected)


def test_the_cosine_transform_is_the_dct_of_scipy():
    from scipy.fft import dctn

    module = _drawn(Transform(8, 2, cosine=True))
    x = torch.randn(3, 5, 8)
    mixed = module.input(x).detach().numpy()
    for head in (0, 1):
        part = slice(4 * head, 4 * head + 4)
        expected = dctn(mixed[..., part], type=2, axes=(1, 2))
        np.testing.assert_allclose(
            module(x, None)[..., part].detach().numpy(), expected, rtol=1e-4, atol=1e-4
        )


def test_attention_is_softmax_of_scaled_products_by_head():
    module = _drawn(operation_of("wma", 8, 2))
    x = torch.randn(3, 5, 8)
    q, k, v = module.weight(module.query(x)), module.key(x), module.value(x)
    context = torch.empty(3, 5, 8)
    for head in (0, 1):
        part = slice(4 * head, 4 * head + 4)
        weights = torch.softmax(q[..., part] @ k[..., part].transpose(1, 2) / 2, dim=-1)
        context[..., part] = weights @ v[..., part]
    expected = module.output.norm(module.output.dense(context) + x)
    torch.testing.assert_close(module(x, None), expected)


def test_the_dynamic_convolution_weighs_neighbours_by_a_kernel_of_their_span():
    module = _drawn(operation_of("dsc5", 8, 4))
    x = torch.randn(2, 7, 8)
    query = module.query(x)
    span = module.pointwise(module.depthwise(x.transpose(1, 2))).transpose(1, 2)
    kernels = torch.softmax(module.kernels(span * query).view(2, 7, 2, 5), dim=-1)
    values = module.span(x)
    expected = torch.zeros(2, 7, 4)
    for t in range(7):
        for j in range(5):
            if 0 <= t + j - 2 < 7:
                for head in (0, 1):
                    part = slice(2 * head, 2 * head + 2)
                    expected[:, t, part] += (
                        kernels[:, t, head, j, None] * values[:, t + j - 2, part]
                    )
    caught = []
    module.output.dense.register_forward_pre_hook(lambda m, i: caught.append(i[0]))
    module(x, None)
    torch.testing.assert_close(caught[0][..., 4:], expected)


@pytest.mark.parametrize("builder", ["as_trained", "as_specified", "as_published"])
@pytest.mark.parametrize(
    "text", [ALL_OPERATIONS, CONVOLUTIONS, "256|sdp-2-512x1|wma-4-1024x3|dft-2-512x3|dsc5-4-512x1"]
)
def test_networks_run_and_have_the_parameters_that_are_counted(builder, text):
    space = FlexiBERT(builder, length=9)
    architecture = space.parse(text)
    network = space.build(architecture, seed=0)
    batch = random_tokens(size=2, length=9, vocabulary=space.vocabulary)
    states = network(**batch.inputs)
    hidden = 256 if builder == "as_published" else architecture.hidden
    assert states.shape == (2, 9, hidden)
    assert bool(torch.isfinite(states).all())
    counted = space.counts(architecture)["parameters"]
    assert sum(p.numel() for p in network.parameters()) == counted
    if "dct" not in text:  # whose matrix products are not its definition's
        flops = nasproxy.evaluate(network, batch, ["flops"])["flops"].value
        assert flops == space.counts(architecture)["multiply_accumulates"]
    logits = space.build(architecture, seed=0, classes=3)(**batch.inputs)
    assert logits.shape == (2, 3)


def test_as_trained_operations_make_no_difference():
    space, specified = FlexiBERT(), FlexiBERT("as_specified")
    one, other = space.parse(CONVOLUTIONS), space.parse("128|sdp-2-512x1|dct-4-1024x3")
    assert space.canonical(one) == space.canonical(other)
    assert specified.canonical(one) != specified.canonical(other)
    # The width holds for the extra layers alone.
    narrow, wide = (
        space.parse("128|sdp-2-512x1|sdp-2-512x1"),
        space.parse("128|sdp-2-1024x1|sdp-2-512x1"),
    )
    assert space.canonical(narrow) == space.canonical(wide)


def test_padding_does_not_change_what_attention_sees():
    space = FlexiBERT()
    network = space.build(space.parse("128|sdp-2-512x1|wma-2-512x1"), seed=0).eval()
    ids = torch.randint(1, 30522, (2, 12))
    mask = torch.ones(2, 12, dtype=torch.long)
    mask[:, 8:] = 0
    padded = ids.masked_fill(mask == 0, 0)
    torch.testing.assert_close(network(padded, mask)[:, :8], network(ids[:, :8]))


def test_initial_weights():
    space = FlexiBERT()
    network = space.build(space.parse(ALL_OPERATIONS), seed=3)
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any(), name
        elif "norm" in name:
            assert bool((parameter == 1).all()), name
        else:
            assert float(parameter.detach().std()) == pytest.approx(0.02, rel=0.1), name
    assert not network.embeddings.word.weight[0].any()


def test_more_tokens_than_positions_are_refused():
    with pytest.raises(NasproxyError, match="1 to 512"):
        FlexiBERT(length=513)
    space = FlexiBERT()
    network = space.build(space.parse(CONVOLUTIONS), seed=0)
    with pytest.raises(NasproxyError, match="513 tokens"):
        network(torch.ones(1, 513, dtype=torch.long))


def test_kept_draws_cannot_be_told_from_fresh_ones():
    draws, small = NormalDraws(0.02), NormalDraws(0.02, kept=100)
    first = draws(0, "a.weight", (5, 7))
    copied = first.clone()
    first.fill_(9)
    for again in (draws(0, "a.weight", (5, 7)), small(0, "a.weight", (5, 7))):
        assert torch.equal(again, copied)
    assert not torch.equal(draws(1, "a.weight", (5, 7)), copied)
    assert not torch.equal(draws(0, "b.weight", (5, 7)), copied)
    for i in range(20):
        small(0, f"{i}", (10,))
    assert small._drawn.nbytes <= 100
    assert torch.equal(pickle.loads(pickle.dumps(draws))(0, "a.weight", (5, 7)), copied)


def test_scoring_leaves_shared_parameters_as_they_are():
    space = FlexiBERT(length=6)
    architecture = space.parse(CONVOLUTIONS)
    batch = random_tokens(size=3, length=6, vocabulary=space.vocabulary)
    labelled = Batch(batch.inputs, torch.tensor([0, 1, 0]), 2)
    before = copy.deepcopy(build_for(space, architecture, labelled, seed=0).state_dict())
    candidate = score_candidate(space, architecture, labelled, proxies.names(), seed=0)
    assert candidate.scores["wpca"] is not None
    assert candidate.scores["snip"] is not None
    after = build_for(space, architecture, labelled, seed=0).state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    own = space.build(architecture, seed=0)
    with torch.no_grad():
        for parameter in own.parameters():
            parameter.fill_(7)
    again = build_for(space, architecture, labelled, seed=0).state_dict()
    assert all(torch.equal(before[name], again[name]) for name in before)


def test_variants():
    space = variant(spaces.get("flexibert"), builder="as_specified", length=32)
    assert (space.builder, space.input_shape) == ("as_specified", (32,))
    with pytest.raises(NasproxyError, match=r"(?s)no builder 'as_train'.*as_trained"):
        variant(spaces.get("flexibert"), builder="as_train")
    with pytest.raises(NasproxyError, match="in one way"):
        variant(spaces.get("nasbench201"), builder="as_trained")
    with pytest.raises(NasproxyError, match="no length"):
        variant(spaces.get("nasbench201"), length=3)


@pytest.mark.parametrize(
    "text",
    ["128|sdp-2-512x1", "64|sdp-2-512x1|sdp-2-512x1", "128|sdp-3-512x1|sdp-2-512x1", "128|a|b"],
)
def test_texts_that_are_no_architecture(text):
    with pytest.raises(NasproxyError):
        FlexiBERT().parse(text)
