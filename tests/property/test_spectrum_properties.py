import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nasproxy.errors import NasproxyError
from nasproxy.tracing.spectrum import (
    affine_spectrum,
    component_count,
    effective_dimension,
    merged,
    moments_of,
    spectrum,
)

sizes = st.integers(1, 12)
seeds = st.integers(0, 10_000)


def _case(seed, rows, inputs, features, rank):
    rng = np.random.default_rng(seed)
    # Rows and weights of any rank: layer normalisation, for one, leaves one direction out.
    x = rng.normal(size=(rows, min(rank, inputs))) @ rng.normal(size=(min(rank, inputs), inputs))
    x += 100 * rng.normal(size=inputs)  # a mean far from zero
    weight = rng.normal(size=(features, inputs))
    if rank % 2:
        weight[:, -1] = weight[:, 0]
    return x, weight, rng.normal(size=features)


@settings(max_examples=200, deadline=None)
@given(seed=seeds, rows=st.integers(2, 30), inputs=sizes, features=sizes, rank=sizes)
def test_the_smaller_side_has_the_spectrum_of_the_full_covariance(
    seed, rows, inputs, features, rank
):
    x, weight, bias = _case(seed, rows, inputs, features, rank)
    full = np.linalg.eigvalsh(np.atleast_2d(np.cov(x @ weight.T + bias, rowvar=False)))[::-1]
    found = affine_spectrum(moments_of(torch.from_numpy(x)), weight)
    assert len(found) == min(inputs, features)
    scale = full[0]
    np.testing.assert_allclose(found, full[: len(found)].clip(min=0), atol=1e-9 * scale)
    np.testing.assert_allclose(full[len(found) :], 0, atol=1e-9 * scale)


@settings(max_examples=200, deadline=None)
@given(
    seed=seeds,
    rows=st.integers(2, 40),
    shape=st.tuples(sizes, sizes, sizes),
    eta=st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.999]),
)
def test_the_count_is_that_of_the_full_covariance(seed, rows, shape, eta):
    inputs, features, rank = shape
    x, weight, bias = _case(seed, rows, inputs, features, rank)
    full = np.linalg.eigvalsh(np.atleast_2d(np.cov(x @ weight.T + bias, rowvar=False)))[::-1]
    shares = np.cumsum(full) / full.sum()
    expected = next(k for k, share in enumerate(shares, 1) if share >= eta - 1e-12)
    found = component_count(affine_spectrum(moments_of(torch.from_numpy(x)), weight), eta)
    if np.abs(shares - eta).min() > 1e-9:  # closer than the two roundings is a tie
        assert found == expected
    assert found <= min(inputs, features, rows - 1)


@settings(max_examples=100, deadline=None)
@given(seed=seeds, rows=st.integers(2, 40), cut=st.integers(1, 39), width=sizes)
def test_rows_may_come_in_parts(seed, rows, cut, width):
    x = torch.from_numpy(np.random.default_rng(seed).normal(50, 1, size=(rows, width)))
    cut = min(cut, rows - 1)
    whole, parts = moments_of(x), merged(moments_of(x[:cut]), moments_of(x[cut:]))
    assert parts.rows == whole.rows
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(parts.scatter, whole.scatter, rtol=1e-9, atol=1e-9)
    if rows > width:
        np.testing.assert_allclose(whole.covariance, np.atleast_2d(np.cov(x, rowvar=False)))


@given(
    values=st.lists(st.floats(0, 1e6), min_size=1, max_size=30).filter(lambda v: max(v) > 1e-3),
    eta=st.floats(0.01, 1),
    scale=st.floats(1e-6, 1e6),
)
def test_counts_grow_with_eta_and_not_with_scale(values, eta, scale):
    ordered = np.sort(np.array(values))[::-1]
    count = component_count(ordered, eta)
    assert 1 <= component_count(ordered, eta / 2) <= count <= len(values)
    shares = np.cumsum(ordered) / ordered.sum()
    if np.abs(shares - eta).min() > 1e-9:
        assert component_count(ordered * scale, eta) == count
    assert 1 - 1e-9 <= effective_dimension(ordered) <= len(values) + 1e-9


@pytest.mark.parametrize("n", [1, 3, 100, 200, 256])
@pytest.mark.parametrize("eta", [0.5, 0.9, 0.99, 1.0])
def test_equal_eigenvalues_are_counted_by_their_share(n, eta):
    # A tie: where eta * n is whole, that many reach eta exactly.
    assert component_count(np.full(n, 0.1), eta) == int(np.ceil(round(eta * n, 9)))
    assert effective_dimension(np.full(n, 0.1)) == pytest.approx(n)


def test_a_share_that_reaches_eta_exactly_is_enough():
    assert component_count(np.array([0.9, 0.06, 0.04]), 0.9) == 1
    assert component_count(np.array([0.9 - 1e-9, 0.06, 0.04 + 1e-9]), 0.9) == 2


def test_float32_rows_are_accumulated_in_float64():
    # A mean of 1000 and a deviation of .01: in float32 their squares leave nothing of it.
    rng = np.random.default_rng(0)
    x = torch.from_numpy((1000 + 0.01 * rng.normal(size=(5000, 3))).astype(np.float32))
    np.testing.assert_allclose(moments_of(x).covariance, np.cov(x.double(), rowvar=False))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (torch.ones(5, 3), "same for every row"),
        (torch.tensor([[1.0, float("nan")], [0.0, 1.0]]), "not finite"),
        (torch.ones(1, 3), "1 row"),
    ],
)
def test_what_has_no_spectrum_is_an_error(rows, said):
    with pytest.raises(NasproxyError, match=said):
        spectrum(moments_of(rows))
    with pytest.raises(NasproxyError, match=said):
        affine_spectrum(moments_of(rows), np.ones((4, rows.shape[1])))
