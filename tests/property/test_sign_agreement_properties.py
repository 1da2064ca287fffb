"""The packed count of sign agreements is the matrix definition, whatever the tensor."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor, nn

from nasproxy import evaluate
from nasproxy.tracing.agreement import _products_of_signs, sample_rows, sign_agreements

SPECIAL = st.sampled_from([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, 1e-45, -1e-45])
SHAPES = st.one_of(
    st.tuples(st.integers(1, 9), st.integers(1, 200)),
    st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(1, 5), st.integers(1, 5)),
)
TENSORS = SHAPES.flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.one_of(SPECIAL, st.floats(-2, 2, width=32)))
).map(torch.from_numpy)
DTYPES = st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.float16])


def defined(rows: Tensor) -> np.ndarray:
    above, below = (rows > 0).double(), (rows <= 0).double()
    return (above @ above.T + below @ below.T).numpy()


@settings(deadline=None, max_examples=60)  # the first call of each dtype compiles
@given(TENSORS, DTYPES)
def test_counts_are_the_matrix_definition(tensor: Tensor, dtype: torch.dtype) -> None:
    tensor, n = tensor.to(dtype), tensor.shape[0]
    found = sign_agreements(tensor, n)
    assert found is not None
    np.testing.assert_array_equal(found, defined(tensor.reshape(n, -1)))
    assert (found.diag() == tensor[0].numel()).all()
    # as accelerators count them
    np.testing.assert_array_equal(found, _products_of_signs(tensor.reshape(n, -1)))


@settings(deadline=None, max_examples=30)
@given(TENSORS.filter(lambda t: t.ndim == 4))
def test_memory_format_does_not_matter(tensor: Tensor) -> None:
    n = tensor.shape[0]
    last = tensor.contiguous(memory_format=torch.channels_last)
    strided = tensor.repeat_interleave(2, dim=3)[..., ::2]
    for other in (last, strided, tensor.flatten(1), tensor.clone().requires_grad_()):
        np.testing.assert_array_equal(sign_agreements(tensor, n), sign_agreements(other, n))


@settings(deadline=None, max_examples=30)
@given(TENSORS, st.data())
def test_a_nan_marks_its_sample_and_no_other(tensor: Tensor, data: st.DataObject) -> None:
    n = tensor.shape[0]
    flat = tensor.reshape(n, -1).clone()
    row = data.draw(st.integers(0, n - 1))
    flat[row, data.draw(st.integers(0, flat.shape[1] - 1))] = float("nan")
    others = np.arange(n) != row
    for counted in (sign_agreements(flat, n), _products_of_signs(flat)):
        assert counted is not None
        found = counted.numpy()
        assert np.isnan(found[row]).all()
        assert np.isnan(found[:, row]).all()
        np.testing.assert_array_equal(found[others][:, others], defined(flat)[others][:, others])


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4), st.integers(1, 4))
def test_folded_and_sequence_first_rows_hold_the_samples_units(
    n: int, t: int, d: int, e: int
) -> None:
    owner = torch.arange(n).float()[:, None, None].expand(n, t, d)
    for layout in (owner, owner.reshape(n * t, d), owner.reshape(n * t, d)[..., None, None]):
        if layout.ndim == 2 or layout.shape[0] == n or layout.ndim == 4:
            assert (sample_rows(layout, n) == torch.arange(n).float()[:, None]).all()
    first = owner.transpose(0, 1)
    if t != n:
        assert (sample_rows(first, n) == torch.arange(n).float()[:, None]).all()
    assert sample_rows(torch.ones(()), n) is None
    assert sample_rows(torch.ones(0, n), n) is None
    assert n == 1 or sample_rows(torch.ones(n * e + 1, d), n) is None


@settings(deadline=None, max_examples=10)
@given(st.permutations(range(8)))
def test_the_order_of_the_batch_does_not_change_naswot(order: list[int]) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 100), nn.ReLU(), nn.Linear(100, 90), nn.ReLU())
    x = torch.randn(8, 5)
    plain = evaluate(network, x, ["naswot"])["naswot"]
    permuted = evaluate(network, x[order], ["naswot"])["naswot"]
    np.testing.assert_allclose(permuted.value, plain.value, rtol=1e-12)
    np.testing.assert_allclose(permuted.nodes, plain.nodes, rtol=1e-10)
