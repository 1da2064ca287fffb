r"""Kendall's tau with its steps made smooth, so that a network can be trained for it.

Over the ordered pairs i ≠ j of n numbers x (predicted) and y (true), with dx = x_i - x_j:

.. math:: \tau_\alpha = \frac{1}{n (n - 1)} \sum_{i \ne j} s_\alpha(dx, dy)

Three forms of s are in use:

======== ============================= ====================================================
product  tanh(α dx / 2) tanh(α dy / 2) Dong et al., ParZC, AAAI 2025, section 3.3
original tanh(α dx dy / 2)             Zheng, Zhang and Huang, DiffKendall, NeurIPS 2023
sign     tanh(α dx / 2) sign(dy)       truth as it is, no matter how near its values are
======== ============================= ====================================================

As α grows every form goes to sign(dx dy), and the mean to tau_a: 1 for equal orders, -1 for
reversed ones. A pair that is tied on either side adds 0 and still counts, so that ties keep the
limit below 1; without ties it is tau_b too. The formula published with ParZC divides by
n (n - 1) / 2 and so reaches 2.

The gradient vanishes where α dx is large: predictions should start near each other, and true
values should have about unit variance.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from nasproxy.errors import NasproxyError

__all__ = ["FORMS", "Form", "diff_kendall", "sampled_diff_kendall"]

Form = Literal["product", "original", "sign"]
FORMS: tuple[Form, ...] = ("product", "original", "sign")


def diff_kendall(
    predicted: Float[Tensor, " n"],
    true: Float[Tensor, " n"],
    *,
    alpha: float = 0.5,
    form: Form = "product",
    block: int = 1024,
) -> Float[Tensor, ""]:
    """The smooth Kendall's tau of all pairs; see the module's docstring.

    Args:
        predicted: ``[n]``, n of 2 or more, any unit.
        true: ``[n]``, in the order of ``predicted``, more is better.
        alpha: how steep the steps are, above 0; 1 / alpha is in the unit of a side.
        form: ``product``, ``original`` or ``sign``.
        block: rows of pairs held at once. With n <= block all pairs are; otherwise gradients are
            taken block by block on the way forward, so that memory is O(n block).

    Returns:
        The mean over the pairs, in -1 .. 1, differentiable in ``predicted`` (and in ``true``, but
        for ``sign``). O(n^2) time.

    Raises:
        NasproxyError: fewer than 2 numbers, sides of different lengths, alpha <= 0, another form.
    """
    _check(predicted, true, alpha, form)
    n = len(predicted)
    if n <= block:
        total = _rows(predicted, true, slice(0, n), alpha, form)
    else:
        total = _Blocks.apply(predicted, true, (alpha, form, block))  # type: ignore[no-untyped-call]
    return total / (n * (n - 1))


def sampled_diff_kendall(
    predicted: Float[Tensor, " n"],
    true: Float[Tensor, " n"],
    *,
    generator: torch.Generator,
    permutations: int = 8,
    alpha: float = 0.5,
    form: Form = "product",
) -> Float[Tensor, ""]:
    """An unbiased estimate of ``diff_kendall`` from random pairs, in O(n permutations).

    Each permutation is read as a ring, and its n neighbouring pairs are used: every ordered pair
    is as likely as any other, and each number is in exactly two of them.

    Args:
        predicted: ``[n]``, n of 2 or more.
        true: ``[n]``, in the order of ``predicted``.
        generator: draws the permutations, on the CPU.
        permutations: how many, 1 or more.
        alpha: as in ``diff_kendall``.
        form: as in ``diff_kendall``.

    Reference:
        Zheng, Zhang and Huang, NeurIPS 2023, whose code samples neighbours of permutations too.

    Raises:
        NasproxyError: as by ``diff_kendall``, or no permutation.
    """
    _check(predicted, true, alpha, form)
    if permutations < 1:
        raise NasproxyError(f"{permutations} permutations", accepted="1 or more")
    drawn = [torch.randperm(len(predicted), generator=generator) for _ in range(permutations)]
    first = torch.stack(drawn).to(predicted.device)
    second = first.roll(1, dims=1)
    dx, dy = predicted[first] - predicted[second], true[first] - true[second]
    return _steps(dx, dy, alpha, form).mean()


class _Blocks(torch.autograd.Function):
    """The sum over all pairs, whose graph never holds more than a block of rows."""

    @staticmethod
    def forward(
        ctx: Any, predicted: Tensor, true: Tensor, options: tuple[float, Form, int]
    ) -> Tensor:
        alpha, form, block = options
        x, y = predicted.detach().requires_grad_(), true.detach().requires_grad_()
        gradients = [torch.zeros_like(x), torch.zeros_like(y)]
        total = predicted.new_zeros(())
        for first in range(0, len(predicted), block):
            with torch.enable_grad():
                part = _rows(x, y, slice(first, first + block), alpha, form)
            found = torch.autograd.grad(part, (x, y), materialize_grads=True, allow_unused=True)
            gradients = [had + more for had, more in zip(gradients, found, strict=True)]
            total += part.detach()
        ctx.save_for_backward(*gradients)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        of_predicted, of_true = ctx.saved_tensors
        return upstream * of_predicted, upstream * of_true, None


def _rows(x: Tensor, y: Tensor, rows: slice, alpha: float, form: Form) -> Tensor:
    return _steps(x[rows, None] - x, y[rows, None] - y, alpha, form).sum()


def _steps(dx: Tensor, dy: Tensor, alpha: float, form: Form) -> Tensor:
    half = alpha / 2
    if form == "original":
        return torch.tanh(half * dx * dy)
    return torch.tanh(half * dx) * (torch.sign(dy) if form == "sign" else torch.tanh(half * dy))


def _check(predicted: Tensor, true: Tensor, alpha: float, form: str) -> None:
    if predicted.ndim != 1 or predicted.shape != true.shape or len(predicted) < 2:
        raise NasproxyError(
            f"predictions of the shape {list(predicted.shape)} beside {list(true.shape)}",
            accepted="[n] in both, n of 2 or more",
        )
    if not alpha > 0:
        raise NasproxyError(f"alpha = {alpha:g}", accepted="above 0", hint="0.5 is published")
    if form not in FORMS:
        raise NasproxyError(f"no form {form!r} of DiffKendall", accepted=", ".join(FORMS))
