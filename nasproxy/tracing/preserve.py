"""Leave a network and the process as they were found."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from nasproxy.tracing.cudnn import cudnn_settings
from nasproxy.tracing.parts import Parts

__all__ = ["drawing_from", "generators_kept", "preserved"]


@contextmanager
def generators_kept() -> Iterator[None]:
    """Restore the global generators of torch, numpy and Python when the block ends."""
    python_state = random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002 the user's network may draw from it
    devices = _cuda_devices()
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002


@contextmanager
def drawing_from(seed: int) -> Iterator[None]:
    """Start torch's, numpy's and Python's global generators from a seed; restore them after.

    Args:
        seed: >= 0.
    """
    with generators_kept():
        _seed_torch(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        random.seed(seed)
        yield


def _cuda_devices() -> list[int]:
    # Asking a process that has not used CUDA would start it, which costs a second.
    used: bool = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return list(range(torch.cuda.device_count())) if used else []


@contextmanager
def preserved(parts: Parts, *, training: bool, seed: int) -> Iterator[None]:
    """Run a traversal in a given mode and from a given seed, then undo both.

    Within, every module is in the given mode, torch's, numpy's and Python's global generators
    start from ``seed`` (dropout and the like draw from them), and cuDNN is deterministic and
    computes float32 as float32. After, the modes module by module, the generators and the cuDNN
    settings are what they were.

    Args:
        parts: of the network whose training flags are kept.
        training: the mode within.
        seed: what the generators start from, >= 0.
    """
    modes = [(module, module.training) for module in parts.modules.values()]
    try:
        with (
            drawing_from(seed),
            cudnn_settings(benchmark=False, deterministic=True),
        ):
            for module, mode in modes:
                if mode != training:  # setting an attribute of a module is slow
                    module.training = training
            yield
    finally:
        for module, mode in modes:
            if module.training != mode:
                module.training = mode


def _seed_torch(seed: int) -> None:
    # torch.manual_seed would also queue the seed for devices that are not started yet, and so
    # change what the process draws on them later.
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(seed)
