"""On CUDA devices the cross entropy of a sequence is that of the CPU, by kernels of our own."""

import pytest
import torch

from dataselect.reweighting import per_sequence_cross_entropy
from dataselect.reweighting.cross_entropy import _fused

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
DTYPES = [torch.float32, torch.bfloat16, torch.float16, torch.float64]


def both(
    logits: torch.Tensor, labels: torch.Tensor, *, shift: bool = True
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Losses and gradients on the CPU in float64, and on the device."""
    found = []
    for values in (logits.double(), logits.cuda()):
        leaf = values.clone().requires_grad_()
        losses, _ = per_sequence_cross_entropy(leaf, labels.to(leaf.device), shift=shift)
        weights = torch.arange(len(losses), dtype=losses.dtype, device=leaf.device)
        (losses * weights).sum().backward()
        assert leaf.grad is not None
        assert leaf.grad.dtype == leaf.dtype
        found.append((losses.detach().cpu().double(), leaf.grad.cpu().double()))
    return found


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("vocabulary", [2, 4096, 50_257])
def test_losses_and_gradients_are_those_of_the_cpu(dtype: torch.dtype, vocabulary: int) -> None:
    generator = torch.Generator().manual_seed(vocabulary)
    logits = (3 * torch.randn(4, 7, vocabulary, generator=generator)).to(dtype)
    labels = torch.randint(0, vocabulary, (4, 7), generator=generator)
    labels[1, 3:], labels[2] = -100, -100
    logits[3, 2, 0] = -float("inf")
    labels[3, 3] = 1
    (losses, gradient), (own_losses, own_gradient) = both(logits, labels)
    rounding = {torch.bfloat16: 2e-2, torch.float16: 2e-3}.get(dtype, 1e-5)
    torch.testing.assert_close(own_losses, losses, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(own_gradient, gradient, rtol=rounding, atol=1e-6)


def test_the_kernels_are_what_runs() -> None:
    pytest.importorskip("triton")
    logits = torch.zeros(2, 3, 8, device="cuda")
    assert _fused(logits)
    assert not _fused(logits.double())
    assert not _fused(logits.transpose(1, 2))


def test_logits_that_are_a_part_of_others() -> None:
    whole = torch.randn(5, 9, 300)
    labels = torch.randint(0, 300, (3, 4))
    (losses, gradient), (own_losses, own_gradient) = both(whole[1:4, 2:6], labels, shift=False)
    torch.testing.assert_close(own_losses, losses, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(own_gradient, gradient, rtol=1e-5, atol=1e-6)


def test_logits_whose_vocabulary_is_not_contiguous() -> None:
    logits = torch.randn(3, 300, 4).transpose(1, 2)
    (losses, gradient), (own, own_gradient) = both(logits, torch.randint(0, 300, (3, 4)))
    torch.testing.assert_close(own, losses, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(own_gradient, gradient, rtol=1e-5, atol=1e-6)


def test_a_sample_of_weight_0_has_no_gradient_whatever_its_logits() -> None:
    logits = torch.randn(2, 5, 40, device="cuda")
    logits[0] = float("nan")
    logits.requires_grad_()
    losses, _ = per_sequence_cross_entropy(logits, torch.ones(2, 5, dtype=torch.long).cuda())
    assert losses[0].isnan()
    assert losses[1].isfinite()
    losses.backward(torch.tensor([0.0, 1.0], device="cuda"))
    assert logits.grad is not None
    assert torch.equal(logits.grad[0], torch.zeros(5, 40, device="cuda"))
    assert logits.grad.isfinite().all()


def test_more_logits_than_32_bits_count() -> None:
    logits = torch.zeros(3, 16_384, 50_257, dtype=torch.bfloat16, device="cuda")
    logits[2, -1, 7] = 3.0
    labels = torch.full((3, 16_384), 7, device="cuda")
    losses, _ = per_sequence_cross_entropy(logits, labels, shift=False)
    each = torch.log(torch.tensor(50_257.0, dtype=torch.float64))
    last = torch.log(50_256 + torch.exp(torch.tensor(3.0, dtype=torch.float64))) - 3
    expected = torch.stack((each, each, (16_383 * each + last) / 16_384))
    torch.testing.assert_close(losses.double().cpu(), expected, rtol=1e-6, atol=0)
