"""Cross entropy a sequence from logits, in pieces: no second copy of the logits is made."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any, Literal

import torch
from jaxtyping import Float, Int64, Shaped
from torch.autograd.function import once_differentiable

from dataselect.errors import DataselectError

__all__ = ["Average", "per_sequence_cross_entropy"]

Average = Literal["sample", "token"]

# Elements of a piece: on a CPU it is to stay in the cache from one pass over it to the next; on an
# accelerator it is to be large enough to keep the device busy.
_PIECE_CPU = 1 << 17
_PIECE_DEVICE = 1 << 25


def per_sequence_cross_entropy(
    logits: Float[torch.Tensor, "n tokens vocabulary"],
    labels: Shaped[torch.Tensor, "n tokens"],
    *,
    ignore_index: int = -100,
    shift: bool = True,
) -> tuple[Float[torch.Tensor, " n"], Int64[torch.Tensor, " n"]]:
    r"""The mean cross entropy of each sequence, and how many tokens it is a mean of.

    .. math:: l_i = \frac{1}{n_i} \sum_t \Big(\log \sum_v e^{z_{itv}} - z_{it\,y_{it}}\Big)

    Forward keeps nothing beside the logits themselves; backward makes their gradient, which any
    loss must, and nothing else of that size. Sums are in float32 at least, whatever the type of
    the logits.

    Args:
        logits: ``[n, tokens, vocabulary]``.
        labels: ``[n, tokens]``, integers.
        ignore_index: the label of positions that do not count.
        shift: whether position t predicts label t + 1.

    Returns:
        Losses ``[n]``, 0 for a sequence without a token that counts, and numbers of tokens ``[n]``.

    Raises:
        DataselectError: shapes that do not belong together, or on a CPU a label outside the
            vocabulary; an accelerator stops at that as it does in torch's own cross entropy.
    """
    if logits.ndim != 3 or labels.shape != logits.shape[:2] or labels.is_floating_point():
        raise DataselectError(
            f"logits of shape {tuple(logits.shape)} with labels of shape {tuple(labels.shape)} "
            f"and type {labels.dtype}",
            accepted="logits [n, tokens, vocabulary] and integer labels [n, tokens]",
            hint="for one label a sample use classification_losses",
        )
    labels = labels.long()
    if torch.compiler.is_compiling():  # a graph would hold every piece
        compute = torch.compiler.disable(_per_sequence)  # type: ignore[no-untyped-call]
    else:
        compute = _per_sequence
    losses, tokens = compute(logits, labels, ignore_index, shift)
    return losses, tokens


def _per_sequence(
    logits: torch.Tensor, labels: torch.Tensor, ignore_index: int, shift: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    if shift:
        # The last position predicts nothing. Moving labels, not logits, copies no logits.
        labels = torch.cat((labels[:, 1:], labels.new_full((len(labels), 1), ignore_index)), dim=1)
    counted = labels != ignore_index
    tokens = counted.sum(dim=1)
    labels = labels.masked_fill(~counted, 0)
    if labels.device.type == "cpu":  # elsewhere reading them would wait for the device
        _check_labels(labels, logits.shape[-1], ignore_index)
    function = _FusedCrossEntropy if _fused(logits) else _CrossEntropy
    each: torch.Tensor = function.apply(logits, labels, counted)  # type: ignore[no-untyped-call]
    return each.sum(dim=1) / tokens.clamp(min=1), tokens


class _CrossEntropy(torch.autograd.Function):
    """Cross entropy a position, 0 where it does not count."""

    @staticmethod
    def forward(
        ctx: Any, logits: torch.Tensor, labels: torch.Tensor, counted: torch.Tensor
    ) -> torch.Tensor:
        exact = _exact(logits)
        chosen = labels[..., None]
        losses = torch.empty(labels.shape, dtype=exact, device=logits.device)
        for at in _pieces(logits):
            log_p = torch.log_softmax(logits[at], dim=-1, dtype=exact)
            losses[at] = log_p.gather(-1, chosen[at]).squeeze(-1).neg_()
        ctx.save_for_backward(logits, labels, counted)
        return losses.masked_fill_(~counted, 0.0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        logits, labels, counted = ctx.saved_tensors
        exact = _exact(logits)
        chosen = labels[..., None]
        scale = gradient.to(exact).masked_fill(~counted, 0.0)[..., None]
        made = torch.empty_like(logits)
        for at in _pieces(logits):
            # Where no type is changed the softmax lands in the gradient itself.
            direct = logits.dtype == exact
            piece = (
                torch.softmax(logits[at], dim=-1, out=made[at])
                if direct
                else torch.softmax(logits[at], dim=-1, dtype=exact)
            )
            piece.mul_(scale[at]).scatter_add_(-1, chosen[at], -scale[at])
            # A sample of weight 0 has no gradient, whatever its logits: 0 * NaN would be NaN.
            piece.masked_fill_(scale[at] == 0, 0.0)
            if not direct:
                made[at] = piece
        return made, None, None


class _FusedCrossEntropy(torch.autograd.Function):
    """The same by kernels that read the logits once in each direction."""

    @staticmethod
    def forward(
        ctx: Any, logits: torch.Tensor, labels: torch.Tensor, counted: torch.Tensor
    ) -> torch.Tensor:
        from dataselect.reweighting.cross_entropy_triton import losses_and_partitions

        losses, partitions = losses_and_partitions(logits, labels, counted)
        ctx.save_for_backward(logits, labels, counted, partitions)
        return losses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        from dataselect.reweighting.cross_entropy_triton import gradient_of_logits

        logits, labels, counted, partitions = ctx.saved_tensors
        scale = gradient.float().masked_fill(~counted, 0.0)
        return gradient_of_logits(logits, labels, partitions, scale), None, None


def _fused(logits: torch.Tensor) -> bool:
    """PyTorch for CUDA on Linux brings Triton; elsewhere it may be missing."""
    return (
        logits.device.type == "cuda"
        and logits.dtype != torch.float64
        and logits.stride(-1) == 1
        and torch.cuda.get_device_capability(logits.device) >= (7, 0)
        and _has_triton()
    )


@cache
def _has_triton() -> bool:
    return find_spec("triton") is not None


def _exact(logits: torch.Tensor) -> torch.dtype:
    return torch.float64 if logits.dtype == torch.float64 else torch.float32


def _check_labels(labels: torch.Tensor, vocabulary: int, ignore_index: int) -> None:
    outside = (labels < 0) | (labels >= vocabulary)
    if bool(outside.any()):
        raise DataselectError(
            f"the label {int(labels[outside][0])} with a vocabulary of {vocabulary}",
            accepted=f"0 to {vocabulary - 1}, or {ignore_index} where nothing is to be predicted",
            hint="ignore_index= names another label for that",
        )


def _pieces(logits: torch.Tensor) -> list[tuple[slice, slice]]:
    size = _PIECE_CPU if logits.device.type == "cpu" else _PIECE_DEVICE
    n, tokens, vocabulary = logits.shape
    whole = max(1, size // max(1, tokens * vocabulary))
    if whole > 1 or tokens * vocabulary <= size:
        return [(slice(i, i + whole), slice(None)) for i in range(0, n, whole)]
    step = max(1, size // vocabulary)
    return [(slice(i, i + 1), slice(t, t + step)) for i in range(n) for t in range(0, tokens, step)]
