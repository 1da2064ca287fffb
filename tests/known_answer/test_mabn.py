"""The layers of MABN: moments of Bayesian weights, their divergence, what mixes with what."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from nasproxy.errors import NasproxyError
from nasproxy.parzc.bayesian import BayesianLinear, divergence
from nasproxy.parzc.mixer import Mixer, Shape, dropped

SMALL = Shape(segments=4, width=3, channels=8, depth=1, dropout=0.0)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_drawn_weights_have_their_mean_and_deviation() -> None:
    layer = BayesianLinear(3, 2, generator=seeded(), rho=0.5)
    x = torch.eye(3)
    noise = seeded(1)
    with torch.no_grad():
        draws = torch.stack([layer(x, noise).T for _ in range(1500)])  # the weight itself
    deviation = math.log1p(math.exp(0.5))
    torch.testing.assert_close(
        layer.deviation.detach(), torch.full((2, 3), deviation), rtol=1e-6, atol=1e-6
    )
    assert (draws.mean(0) - layer.mean).abs().max() < 4.5 * deviation / math.sqrt(1500)
    assert (draws.std(0) / deviation - 1).abs().max() < 0.09


def test_one_draw_is_shared_by_a_batch_and_the_mean_has_none() -> None:
    layer = BayesianLinear(3, 2, generator=seeded(), rho=0.0)
    x = torch.ones(5, 3)
    drawn = layer(x, seeded(1))
    assert torch.equal(drawn[0], drawn[4])
    assert torch.equal(layer(x), layer(x))
    assert not torch.equal(layer(x), drawn)
    torch.testing.assert_close(layer(x), x @ layer.mean.T)


def test_the_divergence_is_that_of_normal_distributions() -> None:
    network = torch.nn.Sequential(
        BayesianLinear(3, 2, generator=seeded(), rho=-1.0),
        torch.nn.Linear(2, 2),
        BayesianLinear(2, 4, generator=seeded(1), rho=0.3),
    )
    expected = sum(
        kl_divergence(Normal(layer.mean, layer.deviation), Normal(0.0, 0.7)).sum()
        for layer in network
        if isinstance(layer, BayesianLinear)
    )
    torch.testing.assert_close(divergence(network, prior=0.7), expected)


def test_a_posterior_like_the_prior_diverges_by_nothing() -> None:
    layer = BayesianLinear(3, 2, generator=seeded(), rho=math.log(math.e - 1))  # softplus is 1
    with torch.no_grad():
        layer.mean.zero_()
    assert divergence(layer).item() == pytest.approx(0, abs=1e-5)
    assert divergence(torch.nn.Linear(2, 2)).item() == 0


def test_the_reparameterised_gradient_is_that_of_finite_differences() -> None:
    layer = BayesianLinear(2, 2, generator=seeded(), rho=-1.0).double()
    x = torch.randn(3, 2, dtype=torch.float64, generator=seeded(2))

    def output(mean: torch.Tensor, rho: torch.Tensor) -> torch.Tensor:
        parameters = {"mean": mean, "rho": rho}
        return torch.func.functional_call(layer, parameters, (x, seeded(5)))

    sides = (layer.mean.detach().requires_grad_(), layer.rho.detach().requires_grad_())
    assert torch.autograd.gradcheck(output, sides)


def influence(mixer: Mixer) -> torch.Tensor:
    """Which segments of a block's input each segment of its output depends on, [out, in]."""
    y = torch.randn(1, 4, 8, generator=seeded(3), requires_grad=True)
    out = mixer.blocks[0](y, None)
    rows = []
    for segment in range(4):
        (gradient,) = torch.autograd.grad(out[0, segment].square().sum(), y, retain_graph=True)
        rows.append(gradient[0].abs().sum(dim=1) > 1e-7)
    return torch.stack(rows)


def test_segments_mix_only_where_they_are_said_to() -> None:
    mixed = Mixer(5, SMALL, generator=seeded())
    apart = Mixer(5, replace(SMALL, mix_segments=False), generator=seeded())
    assert influence(mixed).all()
    assert torch.equal(influence(apart), torch.eye(4, dtype=torch.bool))


def test_the_published_sizes() -> None:
    # depth 4: channels 512 -> 2048 -> 512 and 512 -> 256 -> 512, two norms; two numbers a weight
    # of the Bayesian layers.
    shape = Shape(mix_segments=False)
    block = 2 * 512 * 2048 + 2048 + 512 + 2 * 512 * 256 + 256 + 512 + 4 * 512
    bayesian = 2 * (16 * 512 + 512 * 512)
    rest = 294 * 256 + 256 + 2 * 512 + 512 * 256 + 256
    mixer = Mixer(294, shape, generator=seeded())
    assert sum(p.numel() for p in mixer.parameters()) == 4 * block + bayesian + rest


def test_a_network_is_its_generators_and_draws_nothing_else() -> None:
    state = torch.get_rng_state()
    one, two, other = (Mixer(5, SMALL, generator=seeded(seed)) for seed in (1, 1, 2))
    x = torch.randn(6, 5, generator=seeded(4))
    assert torch.equal(one(x), two(x))
    assert not torch.equal(one(x), other(x))
    assert torch.equal(one(x, weights=seeded(7)), one(x, weights=seeded(7)))
    assert not torch.equal(one(x, weights=seeded(7)), one(x))
    assert torch.equal(torch.get_rng_state(), state)


def test_rows_are_apart_and_a_plain_network_has_no_noise() -> None:
    plain = Mixer(5, replace(SMALL, bayesian=False), generator=seeded())
    x = torch.randn(6, 5, generator=seeded(4))
    assert torch.equal(plain(x, weights=seeded(7)), plain(x))
    torch.testing.assert_close(plain(x[[3, 1]]), plain(x)[[3, 1]])


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    ones = torch.ones(200, 200)
    found = dropped(ones, 0.3, seeded())
    assert found.mean().item() == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(np.unique(found.numpy()), [0, 1 / 0.7], rtol=1e-6)
    assert torch.equal(dropped(ones, 0.3, None), ones)


@pytest.mark.parametrize(
    "sizes", [{"segments": 0}, {"channels": 7}, {"depth": -1}, {"dropout": 1.0}]
)
def test_sizes_out_of_range(sizes: dict[str, float]) -> None:
    with pytest.raises(NasproxyError, match="accepted"):
        Shape(**sizes)  # type: ignore[arg-type]
