"""cuDNN as scores need it, and as it was afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["cudnn_settings"]


@contextmanager
def cudnn_settings(**wanted: bool) -> Iterator[None]:
    """Set flags of cuDNN, and compute float32 as float32, while the block lasts.

    By default PyTorch rounds the operands of convolutions to 10 bits (TF32) where the device can.
    ``torch.backends.cudnn.flags`` fails where the user has set a precision by operation, as
    PyTorch recommends, and so it is not used.

    Args:
        wanted: ``enabled``, ``benchmark``, ``deterministic``.
    """
    cudnn = torch.backends.cudnn
    before = {name: getattr(cudnn, name) for name in wanted}
    # Before PyTorch 2.9 one flag stands for both kinds of operation.
    kinds = [getattr(cudnn, kind) for kind in ("conv", "rnn") if hasattr(cudnn, kind)]
    by_kind = [kind for kind in kinds if hasattr(kind, "fp32_precision")]
    precisions = [kind.fp32_precision for kind in by_kind]
    tf32 = None if by_kind else cudnn.allow_tf32
    try:
        for name, value in wanted.items():
            setattr(cudnn, name, value)
        for kind in by_kind:
            kind.fp32_precision = "ieee"
        if tf32 is not None:
            cudnn.allow_tf32 = False
        yield
    finally:
        for name, value in before.items():
            setattr(cudnn, name, value)
        for kind, precision in zip(by_kind, precisions, strict=True):
            kind.fp32_precision = precision
        if tf32 is not None:
            cudnn.allow_tf32 = tf32
