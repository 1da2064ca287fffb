"""Have fused operations made of the parts that they are counted and differentiated by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from nasproxy.tracing.cudnn import cudnn_settings

__all__ = ["decomposed"]


@contextmanager
def decomposed() -> Iterator[None]:
    """Make attention and recurrences of matrix products while the block lasts.

    Their fused forms are single operations, which have neither a formula to count them by on a CPU
    nor a second derivative.
    """
    fast, mkldnn = torch.backends.mha.get_fastpath_enabled(), torch.backends.mkldnn.enabled
    try:
        torch.backends.mha.set_fastpath_enabled(False)
        torch.backends.mkldnn.enabled = False  # type: ignore[assignment]
        with sdpa_kernel(SDPBackend.MATH), cudnn_settings(enabled=False):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        torch.backends.mkldnn.enabled = mkldnn
