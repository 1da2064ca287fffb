"""How long a network takes on this machine for one input."""

from __future__ import annotations

import time
from statistics import median

import torch
from torch import nn

from nasproxy.batch import Batch
from nasproxy.scoring.workers import single_thread

__all__ = ["measured_latency"]

_WARM_UP = 3
_RUNS = 15
_LEAST_SECONDS = 0.05


def measured_latency(
    network: nn.Module,
    batch: Batch,
    *,
    runs: int = _RUNS,
    least_seconds: float = _LEAST_SECONDS,
) -> float:
    """The median time of one forward in evaluation mode, with one of torch's threads.

    The network is called on its own device, without gradients; three calls warm it up. On an
    accelerator the clock waits for the work to end.

    Args:
        network: any module; its training flags are put back.
        batch: what the network is called with, on its device; of one sample for the latency of
            one.
        runs: how many calls at the least.
        least_seconds: how long to go on at the least.

    Returns:
        Milliseconds.
    """
    flags = {module: module.training for module in network.modules()}
    network.eval()
    device = batch.tensors[0].device
    args, keywords = batch.arguments
    seconds: list[float] = []
    try:
        with torch.inference_mode(), single_thread():
            for _ in range(_WARM_UP):
                network(*args, **keywords)
            while len(seconds) < runs or sum(seconds) < least_seconds:
                if device.type == "cuda":
                    torch.cuda.synchronize(device)
                started = time.perf_counter()
                network(*args, **keywords)
                if device.type == "cuda":
                    torch.cuda.synchronize(device)
                seconds.append(time.perf_counter() - started)
    finally:
        for module, training in flags.items():
            module.training = training
    return 1e3 * median(seconds)
