"""Parameters and operations of a network in closed form, without building it.

Counts are of the cell as written: dead edges count, as in the benchmark's tables. Count
``simplified(cell)`` for what the function needs. Below, c and s are the channels and the side of
a stage, C and S those of the first, N the cells in a stage, i and K the image's channels and the
classes; n1x1, n3x3 and npool count the cell's edges of a kind.
"""

from __future__ import annotations

from nasproxy.spaces.nasbench201.cell import Cell
from nasproxy.spaces.nasbench201.skeleton import Skeleton

__all__ = ["flops_naslib", "multiply_accumulates", "parameters"]

_DEFAULT = Skeleton()


def parameters(cell: Cell, skeleton: Skeleton = _DEFAULT) -> int:
    """How many trainable numbers the network has; buffers are not counted.

    Stem 9iC + 2C; a k x k convolution with BatchNorm k²c² + 2c; a reduction from c to 2c
    (18 + 36 + 2)c² + 8c; head 8C + 4CK + K. By default 73,306 + 28,000 n1x1 + 243,040 n3x3.

    Args:
        cell: the cell, as written.
        skeleton: the sizes of the network.

    Returns:
        Weights, biases, and BatchNorm's scales and shifts.
    """
    first, last = skeleton.channels, skeleton.stages[-1][0]
    one, three = _count(cell, "nor_conv_1x1"), _count(cell, "nor_conv_3x3")
    total = 9 * skeleton.in_channels * first + 2 * first
    for c, _ in skeleton.stages:
        total += skeleton.cells * (one * (c * c + 2 * c) + three * (9 * c * c + 2 * c))
    for c, _ in skeleton.stages[:-1]:
        total += 56 * c * c + 8 * c
    return total + 2 * last + last * skeleton.classes + skeleton.classes


def multiply_accumulates(cell: Cell, skeleton: Skeleton = _DEFAULT) -> int:
    """Multiply-accumulates for one image, the benchmark's own convention (its "FLOPs").

    Convolutions and classifier only; a product and its sum are one; biases, BatchNorm, ReLU and
    pooling are free. Stem 9iC S²; a k x k convolution k²c² s²; a reduction into side s/2
    (18 + 36 + 2)c² (s/2)²; classifier 4CK.
    By default 7,783,040 + 3,932,160 n1x1 + 35,389,440 n3x3.

    Args:
        cell: the cell, as written.
        skeleton: the sizes of the network.

    Returns:
        Multiply-accumulates of one forward pass of one image.
    """
    kernels = _count(cell, "nor_conv_1x1") + 9 * _count(cell, "nor_conv_3x3")
    total = 9 * skeleton.in_channels * skeleton.channels * skeleton.side**2
    for c, s in skeleton.stages:
        total += skeleton.cells * kernels * c * c * s * s
    for c, s in skeleton.stages[:-1]:
        total += 56 * c * c * (s // 2) ** 2
    return total + skeleton.stages[-1][0] * skeleton.classes


def flops_naslib(cell: Cell, skeleton: Skeleton = _DEFAULT) -> int:
    """Operations for one image, NASLib's convention: multiply-accumulates and element-wise work.

    To ``multiply_accumulates`` this adds, for each element of a map: 1 for a ReLU (of its input),
    2 for a BatchNorm, k² for a k x k average pooling (of its output). So a convolution edge adds
    3cs², a pooling edge 9cs²; the stem 2CS²; a reduction from c to 2c cs² + 14c(s/2)² (two ReLU,
    two BatchNorm, a 2 x 2 pooling); the head 3cs² and, for the global pooling, c(s + 1)². The last
    term is what the published numbers hold at s = 8 and s = 4; a count by hand gives cs².
    By default 7,943,872 + 4,362,240 n1x1 + 35,819,520 n3x3 + 1,290,240 npool.

    Args:
        cell: the cell, as written.
        skeleton: the sizes of the network.

    Returns:
        Operations of one forward pass of one image.

    Reference:
        The ``flops`` of NAS-Bench-Suite-Zero (Krishnakumar et al., NeurIPS 2022).
    """
    convolutions = _count(cell, "nor_conv_1x1") + _count(cell, "nor_conv_3x3")
    each = 3 * convolutions + 9 * _count(cell, "avg_pool_3x3")
    total = multiply_accumulates(cell, skeleton) + 2 * skeleton.channels * skeleton.side**2
    for c, s in skeleton.stages:
        total += skeleton.cells * each * c * s * s
    for c, s in skeleton.stages[:-1]:
        total += c * s * s + 14 * c * (s // 2) ** 2
    c, s = skeleton.stages[-1]
    return total + 3 * c * s * s + c * (s + 1) ** 2


def _count(cell: Cell, operation: str) -> int:
    return cell.names.count(operation)
