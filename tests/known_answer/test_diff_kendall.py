"""DiffKendall and the losses beside it: closed forms, limits, gradients, brute force."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from nasproxy.errors import NasproxyError
from nasproxy.parzc.diff_kendall import FORMS, diff_kendall, sampled_diff_kendall
from nasproxy.parzc.losses import (
    LOSSES,
    list_mle,
    loss_of,
    mean_squared,
    pairwise_logistic,
)

DOUBLE = torch.float64


def drawn(n: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, generator=generator, dtype=DOUBLE)
    return x, x + torch.randn(n, generator=generator, dtype=DOUBLE)


def test_two_numbers_have_a_closed_form() -> None:
    x, y = torch.tensor([0.3, 1.1], dtype=DOUBLE), torch.tensor([2.0, 5.0], dtype=DOUBLE)
    alpha, dx, dy = 0.7, 0.8, 3.0
    closed = {
        "product": math.tanh(alpha * dx / 2) * math.tanh(alpha * dy / 2),
        "original": math.tanh(alpha * dx * dy / 2),
        "sign": math.tanh(alpha * dx / 2),
    }
    for form in FORMS:
        found = diff_kendall(x, y, alpha=alpha, form=form)
        assert found.item() == pytest.approx(closed[form], rel=1e-12)


def test_it_is_the_published_difference_of_sigmoids() -> None:
    x, y = drawn(3)
    alpha, total = 0.5, 0.0

    def sigma(d: float) -> float:
        return 1 / (1 + math.exp(-alpha * d)) - 1 / (1 + math.exp(alpha * d))

    for i, j in itertools.permutations(range(3), 2):
        total += sigma(float(x[i] - x[j])) * sigma(float(y[i] - y[j]))
    assert diff_kendall(x, y, alpha=alpha).item() == pytest.approx(total / 6, rel=1e-12)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 40))
def test_without_ties_it_goes_to_tau_b(form: str, seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.permutation(n).astype(float), rng.permutation(n).astype(float)
    found = diff_kendall(torch.from_numpy(x), torch.from_numpy(y), alpha=80.0, form=form)
    assert found.item() == pytest.approx(kendalltau(x, y).statistic, abs=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_perfect_and_reversed_orders_reach_one_and_minus_one(form: str) -> None:
    x = torch.arange(12, dtype=DOUBLE)
    assert diff_kendall(x, x * 3, alpha=100.0, form=form).item() == pytest.approx(1, abs=1e-12)
    assert diff_kendall(-x, x, alpha=100.0, form=form).item() == pytest.approx(-1, abs=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_ties_add_nothing_and_count(form: str) -> None:
    x = torch.tensor([1.0, 2.0, 3.0, 3.0], dtype=DOUBLE)
    y = torch.tensor([1.0, 1.0, 2.0, 3.0], dtype=DOUBLE)
    # Of 6 pairs, one is tied in x and one in y; the other four agree.
    assert diff_kendall(x, y, alpha=200.0, form=form).item() == pytest.approx(4 / 6, abs=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_gradients_are_those_of_finite_differences(form: str) -> None:
    x, y = drawn(7)
    x.requires_grad_()
    assert torch.autograd.gradcheck(lambda p: diff_kendall(p, y, alpha=0.9, form=form), (x,))
    assert torch.autograd.gradcheck(
        lambda p: diff_kendall(p, y, alpha=0.9, form=form, block=3), (x,)
    )
    if form != "sign":
        y.requires_grad_()
        assert torch.autograd.gradcheck(lambda p, t: diff_kendall(p, t, form=form), (x, y))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("block", [1, 4, 10, 11])
def test_blocks_change_neither_value_nor_gradient(form: str, block: int) -> None:
    x, y = drawn(10)
    plain, blocked = x.clone().requires_grad_(), x.clone().requires_grad_()
    whole = diff_kendall(plain, y, form=form)
    parts = diff_kendall(blocked, y, form=form, block=block)
    torch.testing.assert_close(parts, whole, rtol=1e-12, atol=1e-14)
    whole.backward()
    parts.backward()
    torch.testing.assert_close(blocked.grad, plain.grad, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("form", FORMS)
def test_the_sampled_form_is_unbiased(form: str) -> None:
    x, y = drawn(5)
    generator = torch.Generator().manual_seed(3)
    samples = torch.stack(
        [
            sampled_diff_kendall(x, y, generator=generator, permutations=1, form=form)
            for _ in range(1000)
        ]
    )
    exact = diff_kendall(x, y, form=form)
    error = samples.std() / math.sqrt(len(samples))
    assert samples.std() > 0.01
    assert abs(samples.mean() - exact) < 3.5 * error


@pytest.mark.parametrize("form", FORMS)
def test_of_three_numbers_a_ring_holds_every_pair(form: str) -> None:
    x, y = drawn(3)
    sampled = sampled_diff_kendall(x, y, generator=torch.Generator(), permutations=2, form=form)
    torch.testing.assert_close(sampled, diff_kendall(x, y, form=form))


def test_sampling_is_by_its_generator_alone() -> None:
    x, y = drawn(50)
    state = torch.get_rng_state()
    one, two, other = (
        sampled_diff_kendall(x, y, generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    )
    assert one == two != other
    assert torch.equal(torch.get_rng_state(), state)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), shift=st.floats(-50, 50))
def test_only_differences_count_and_the_order_of_rows_does_not(seed: int, shift: float) -> None:
    x, y = drawn(9, seed)
    rows = torch.randperm(9, generator=torch.Generator().manual_seed(seed))
    found = diff_kendall(x, y)
    torch.testing.assert_close(diff_kendall(x[rows], y[rows]), found)
    torch.testing.assert_close(diff_kendall(x + shift, y), found)
    torch.testing.assert_close(diff_kendall(-x, y), -found)
    assert -1 <= found.item() <= 1


def test_pairwise_logistic_is_its_definition() -> None:
    p = torch.tensor([0.2, -1.0, 0.7], dtype=DOUBLE)
    y = torch.tensor([1.0, 2.0, 2.0], dtype=DOUBLE)
    total = sum(
        math.log1p(math.exp(-float(p[i] - p[j]) * float(torch.sign(y[i] - y[j]))))
        for i, j in itertools.permutations(range(3), 2)
    )
    assert pairwise_logistic(p, y).item() == pytest.approx(total / 6, rel=1e-12)
    assert pairwise_logistic(p[:1], y[:1]).item() == 0


def test_list_mle_is_the_likelihood_of_the_order() -> None:
    p = torch.tensor([0.2, -1.0, 0.7], dtype=DOUBLE)
    y = torch.tensor([3.0, 1.0, 2.0], dtype=DOUBLE)
    # The order by truth is 0, 2, 1.
    e = [math.exp(float(value)) for value in p]
    likelihood = e[0] / sum(e) * e[2] / (e[2] + e[1])
    assert list_mle(p, y).item() == pytest.approx(-math.log(likelihood) / 3, rel=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_falls_when_a_wrong_pair_is_put_right(name: str) -> None:
    y = torch.tensor([-1.2, -0.3, 0.4, 1.1], dtype=DOUBLE)
    wrong = y[[1, 0, 2, 3]]
    loss = loss_of(name, alpha=2.0)
    assert loss(y, y) < loss(wrong, y) < loss(-y, y)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_of_losses(name: str) -> None:
    x, y = drawn(6)
    assert torch.autograd.gradcheck(lambda p: loss_of(name)(p, y), (x.requires_grad_(),))


def test_losses_add_up() -> None:
    x, y = drawn(5)
    both = loss_of("pairwise+mse")(x, y)
    torch.testing.assert_close(both, pairwise_logistic(x, y) + mean_squared(x, y))


def test_errors_say_what_is_accepted() -> None:
    x, y = drawn(3)
    with pytest.raises(NasproxyError, match=r"\[1\] beside \[1\]"):
        diff_kendall(x[:1], y[:1])
    with pytest.raises(NasproxyError, match="alpha = 0"):
        diff_kendall(x, y, alpha=0.0)
    with pytest.raises(NasproxyError, match="0 permutations"):
        sampled_diff_kendall(x, y, generator=torch.Generator(), permutations=0)
    with pytest.raises(NasproxyError, match=r"no loss 'listml'[\s\S]*did you mean listmle"):
        loss_of("listml")
