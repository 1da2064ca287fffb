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

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zerocost.compiled import compiled

__all__ = ["Normalised"]

_BY_INPUT = [True, False, False]
_LANES = 64
_ROWS = 256  # summed in the dtype of the input before they are added to a sum in float64


class Normalised(torch.autograd.Function):
    """``native_batch_norm`` of a batch on a CPU, by its input alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, options: tuple[Any, ...]) -> Tensor:  # noqa: D102
        weight, bias, mean, variance, momentum, epsilon = options
        ctx.options = options
        y, ctx.mean, ctx.inverse = torch.native_batch_norm(
            x, weight, bias, mean, variance, True, momentum, epsilon
        )
        ctx.save_for_backward(x)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:  # noqa: D102
        (x,) = ctx.saved_tensors
        more = (ctx.mean, ctx.inverse, ctx.options)
        return _Backward.apply(gradient, x, more), None  # type: ignore[no-untyped-call]


class _Backward(torch.autograd.Function):
    """The gradient of a batch normalisation by its input."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, x: Tensor, more: tuple[Any, ...]) -> Any:
        mean, inverse, options = more
        ctx.save_for_backward(gradient, x)
        ctx.mean, ctx.inverse, ctx.weight = mean, inverse, options[0]
        weight, _, running_mean, running_variance, _, epsilon = options
        return torch.ops.aten.native_batch_norm_backward(
            gradient,
            x,
            weight,
            running_mean,
            running_variance,
            mean,
            inverse,
            True,
            epsilon,
            _BY_INPUT,
        )[0]

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> Any:
        gradient, x = ctx.saved_tensors
        weight = torch.ones_like(ctx.inverse) if ctx.weight is None else ctx.weight.detach()
        channels = x.shape[1]
        rows = [
            t.detach().movedim(1, -1).reshape(-1, channels).numpy()
            for t in (cotangent, gradient, x)
        ]
        per_channel = [t.numpy() for t in (ctx.mean, ctx.inverse, weight)]
        last = x.detach().movedim(1, -1).shape
        found = [x.new_empty(last) for _ in range(2)]
        into = [t.view(-1, channels).numpy() for t in found]
        _differentiate(rows, per_channel, into)
        of_gradient, of_x = (t.movedim(-1, 1) for t in found)
        return of_gradient, of_x, None


def _differentiate(
    rows: list[np.ndarray], per_channel: list[np.ndarray], into: list[np.ndarray]
) -> None:
    mean, inverse, weight = per_channel
    # Few channels make short loops, which are slow: several positions are taken for one row.
    joined = math.gcd(len(rows[0]), -(-_LANES // len(mean)))
    v, g, x, *into = (t.reshape(-1, joined * len(mean)) for t in (*rows, *into))
    means = _means(v, g, x, np.tile(mean, joined), np.tile(inverse, joined))
    v_, g_, vx, gx, vg = means.reshape(len(means), joined, -1).mean(axis=1)
    factor = weight * inverse**2
    # Each of the two results is a sum of v, g and x by channel, and a constant.
    scale, slope = weight * inverse, -weight * inverse**2 * vx
    to_x = factor * inverse * (3 * vx * gx + v_ * g_ - vg)
    constant = factor * (v_ * gx + g_ * vx) - to_x * mean
    table = np.stack(
        [scale, slope, slope * -mean - scale * v_, -factor * gx, -factor * vx, to_x, constant]
    ).astype(x.dtype)
    _combine((v, g, x), np.tile(table, joined), *into)


@compiled
def _means(v: Any, g: Any, x: Any, mean: Any, inverse: Any) -> Any:
    """Means of v, g, v x, g x and v g for each channel, x normalised."""
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
    return sums / count


@compiled
def _combine(rows: Any, table: Any, of_gradient: Any, of_x: Any) -> None:
    v, g, x = rows
    count, channels = x.shape
    for row in range(count):
        for c in range(channels):
            of_gradient[row, c] = table[0, c] * v[row, c] + table[1, c] * x[row, c] + table[2, c]
            of_x[row, c] = (
                table[3, c] * v[row, c]
                + table[4, c] * g[row, c]
                + table[5, c] * x[row, c]
                + table[6, c]
            )
