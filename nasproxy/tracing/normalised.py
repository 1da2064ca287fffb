r"""Batch normalisation whose second derivative is read off in two passes over its input.

torch takes that derivative by some twenty operations, each a pass over the memory: two fifths of a
second-order pass over a convolutional network. With $\hat x$ the normalised input of a channel,
$s$ the inverse of its deviation, $\gamma$ the scale and overlines means over samples and
positions, the gradient is

$$g_x = \gamma s \, (g - \overline{g} - \hat x \, \overline{g \hat x}),$$

which maps $g$ to $g_x$ by a symmetric matrix, and for a cotangent $v$ of $g_x$ that of $x$ is

$$\gamma s^2 \big( \overline{v}\,\overline{g \hat x} + \overline{g}\,\overline{v \hat x}
  - v \, \overline{g \hat x} - g \, \overline{v \hat x}
  + \hat x (3\, \overline{v \hat x}\,\overline{g \hat x} + \overline{v}\,\overline{g}
  - \overline{v g}) \big).$$
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from zerocost.compiled import compiled

__all__ = ["Normalised"]

_GRADIENT_OF_INPUT = [True, False, False]
_ROWS = 256  # summed in the dtype of the input before they are added to a sum in float64


class Normalised(torch.autograd.Function):
    """``native_batch_norm`` of a batch on a CPU, by its input alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, options: tuple[Any, ...]) -> Tensor:
        weight, bias, mean, variance, momentum, epsilon = options
        ctx.options = options
        y, ctx.mean, ctx.inverse = torch.native_batch_norm(
            x, weight, bias, mean, variance, True, momentum, epsilon
        )
        ctx.save_for_backward(x)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return _Backward.apply(gradient, x, ctx.mean, ctx.inverse, ctx.options), None


class _Backward(torch.autograd.Function):
    """The gradient of a batch normalisation by its input."""

    @staticmethod
    def forward(
        ctx: Any, gradient: Tensor, x: Tensor, mean: Tensor, inverse: Tensor, options: Any
    ) -> Tensor:
        ctx.save_for_backward(gradient, x)
        ctx.mean, ctx.inverse, ctx.options = mean, inverse, options
        return _gradient(gradient, x, mean, inverse, options)

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> Any:
        gradient, x = ctx.saved_tensors
        with torch.no_grad():
            of_gradient = _gradient(cotangent, x, ctx.mean, ctx.inverse, ctx.options)
            of_x = _second(cotangent, gradient, x, ctx.mean, ctx.inverse, ctx.options[0])
        return of_gradient, of_x, None, None, None


def _gradient(
    gradient: Tensor, x: Tensor, mean: Tensor, inverse: Tensor, options: tuple[Any, ...]
) -> Tensor:
    weight, _, running_mean, running_variance, _, epsilon = options
    found: Tensor = torch.ops.aten.native_batch_norm_backward(
        gradient,
        x,
        weight,
        running_mean,
        running_variance,
        mean,
        inverse,
        True,
        epsilon,
        _GRADIENT_OF_INPUT,
    )[0]
    return found


def _second(
    cotangent: Tensor,
    gradient: Tensor,
    x: Tensor,
    mean: Tensor,
    inverse: Tensor,
    weight: Tensor | None,
) -> Tensor:
    found = torch.empty_like(x)
    into = found.movedim(1, -1)
    if not into.is_contiguous():
        into = torch.empty_like(into, memory_format=torch.contiguous_format)
    channels = x.shape[1]
    rows = [t.movedim(1, -1).reshape(-1, channels).numpy() for t in (cotangent, gradient, x)]
    scale = torch.ones_like(inverse) if weight is None else weight.detach()
    _add_up(*rows, mean.numpy(), inverse.numpy(), scale.numpy(), into.view(-1, channels).numpy())
    if into.data_ptr() != found.data_ptr():
        found.copy_(into.movedim(-1, 1))
    return found


@compiled
def _add_up(v: Any, g: Any, x: Any, mean: Any, inverse: Any, scale: Any, found: Any) -> None:
    count, channels = x.shape
    sums = np.zeros((5, channels))
    part = np.zeros((5, channels), dtype=x.dtype)
    for start in range(0, count, _ROWS):
        part[:] = 0
        for row in range(start, min(start + _ROWS, count)):
            for c in range(channels):
                normal = (x[row, c] - mean[c]) * inverse[c]
                part[0, c] += v[row, c]
                part[1, c] += g[row, c]
                part[2, c] += v[row, c] * normal
                part[3, c] += g[row, c] * normal
                part[4, c] += v[row, c] * g[row, c]
        for k in range(5):
            for c in range(channels):
                sums[k, c] += part[k, c]
    # found = by_v * v + by_g * g + by_x * (x - mean) + constant
    by_v, by_g = np.empty_like(mean), np.empty_like(mean)
    by_x, constant = np.empty_like(mean), np.empty_like(mean)
    for c in range(channels):
        v_, g_, vx, gx, vg = sums[:, c] / count
        factor = scale[c] * inverse[c] * inverse[c]
        by_v[c] = -factor * gx
        by_g[c] = -factor * vx
        by_x[c] = factor * inverse[c] * (3 * vx * gx + v_ * g_ - vg)
        constant[c] = factor * (v_ * gx + g_ * vx)
    for row in range(count):
        for c in range(channels):
            found[row, c] = (
                by_v[c] * v[row, c]
                + by_g[c] * g[row, c]
                + by_x[c] * (x[row, c] - mean[c])
                + constant[c]
            )
