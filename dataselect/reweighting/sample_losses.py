"""One loss a sample for classification and regression; sequences are in `cross_entropy`."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float, Shaped
from torch.nn import functional

from dataselect.errors import DataselectError

__all__ = ["binary_losses", "classification_losses", "regression_losses"]

Measure = Literal["squared", "absolute", "huber"]


def classification_losses(
    logits: Float[torch.Tensor, "n classes *positions"],
    labels: Shaped[torch.Tensor, "n *positions"],
    *,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> tuple[Float[torch.Tensor, " n"], Bool[torch.Tensor, " n"]]:
    """Cross entropy a sample: ``reweight(*classification_losses(logits, labels))``.

    Args:
        logits: ``[n, classes]``, or ``[n, classes, ...]`` with a label a position (segmentation).
        labels: ``[n]`` or ``[n, ...]``, integers; ``ignore_index`` where none is known.
        ignore_index: the label of positions that do not count.
        label_smoothing: in 0 .. 1, as in torch.

    Returns:
        Losses ``[n]``, the mean over positions that count, and whether a sample has any.
    """
    if labels.shape != (logits.shape[0], *logits.shape[2:]) or labels.is_floating_point():
        raise DataselectError(
            f"logits of shape {tuple(logits.shape)} with labels of shape {tuple(labels.shape)} "
            f"and type {labels.dtype}",
            accepted="logits [n, classes, ...] and integer labels [n, ...]",
            hint="for a language model's logits [n, tokens, vocabulary] use "
            "per_sequence_cross_entropy, for labels of 0 and 1 a class binary_losses",
        )
    each = functional.cross_entropy(
        logits,
        labels.long(),
        ignore_index=ignore_index,
        reduction="none",
        label_smoothing=label_smoothing,
    ).reshape(len(labels), labels[0].numel() if len(labels) else 1)
    counted = (labels != ignore_index).reshape(each.shape).sum(dim=1)
    return each.sum(dim=1) / counted.clamp(min=1), counted > 0


def binary_losses(
    logits: Float[torch.Tensor, "n *labels"], targets: Shaped[torch.Tensor, "n *labels"]
) -> tuple[Float[torch.Tensor, " n"], Bool[torch.Tensor, " n"]]:
    """Binary cross entropy a sample, the mean over its labels.

    Args:
        logits: ``[n]`` or ``[n, ...]``.
        targets: of the same shape, in 0 .. 1.

    Returns:
        Losses ``[n]``; every sample counts.
    """
    _check_shapes(logits, targets)
    each = functional.binary_cross_entropy_with_logits(
        logits, targets.to(logits.dtype), reduction="none"
    )
    return _mean(each)


def regression_losses(
    predictions: Float[torch.Tensor, "n *outputs"],
    targets: Shaped[torch.Tensor, "n *outputs"],
    *,
    measure: Measure = "squared",
    delta: float = 1.0,
) -> tuple[Float[torch.Tensor, " n"], Bool[torch.Tensor, " n"]]:
    """The squared, absolute or Huber error of each sample, the mean over its outputs.

    Args:
        predictions: ``[n]`` or ``[n, ...]``.
        targets: of the same shape.
        measure: "squared" (without the half), "absolute" or "huber".
        delta: where the Huber error goes from squared to linear; in the targets' unit.

    Returns:
        Losses ``[n]``; every sample counts.
    """
    _check_shapes(predictions, targets)
    # Of two types, float32 and numpy's float64 say, some of torch's losses have no backward.
    exact = torch.promote_types(predictions.dtype, torch.float32)
    predictions, targets = predictions.to(exact), targets.to(exact)
    if measure == "squared":
        each = functional.mse_loss(predictions, targets, reduction="none")
    elif measure == "absolute":
        each = functional.l1_loss(predictions, targets, reduction="none")
    elif measure == "huber":
        each = functional.huber_loss(predictions, targets, reduction="none", delta=delta)
    else:
        raise DataselectError(f"the measure {measure!r}", accepted="'squared', 'absolute', 'huber'")
    return _mean(each)


def _mean(each: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    losses = each.flatten(1).mean(dim=1) if each.ndim > 1 else each
    return losses, torch.ones_like(losses, dtype=torch.bool)


def _check_shapes(predictions: torch.Tensor, targets: torch.Tensor) -> None:
    # torch would broadcast [n] against [n, 1] to [n, n] and average that.
    if predictions.shape != targets.shape or predictions.ndim == 0:
        raise DataselectError(
            f"predictions of shape {tuple(predictions.shape)} for targets of shape "
            f"{tuple(targets.shape)}",
            accepted="equal shapes, samples first",
            hint="predictions.squeeze(-1) takes a last dimension of 1 away",
        )
