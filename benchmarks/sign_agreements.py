"""Counting sign agreements on packed bits, as a ratio to the two matrix products of its definition.

    python benchmarks/sign_agreements.py

Both sides take the same float32 activation inputs of 64 images in one thread, and their results
are compared. Exits with 1 where the products are not at least five times slower.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from nasproxy.tracing.agreement import sign_agreements

SHAPES = ((64, 16, 32, 32), (64, 32, 16, 16), (64, 64, 8, 8))
AT_LEAST = 5.0


def products(inputs: Tensor) -> Tensor:
    on = (inputs.flatten(1) > 0).float()
    off = 1 - on
    return on @ on.T + off @ off.T


def seconds(run: Callable[[], object], repeats: int = 30) -> float:
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return float(np.median(times))


def main() -> None:
    torch.set_num_threads(1)
    worst = np.inf
    print("| inputs | packed bits, ms | matrix products, ms | ratio |\n|---|---|---|---|")
    for shape in SHAPES:
        inputs = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        found = sign_agreements(inputs, shape[0])
        np.testing.assert_array_equal(found, products(inputs).numpy())
        ours = seconds(lambda: sign_agreements(inputs, inputs.shape[0]))  # noqa: B023
        theirs = seconds(lambda: products(inputs))  # noqa: B023
        worst = min(worst, theirs / ours)
        print(
            f"| {' x '.join(map(str, shape))} | {ours * 1e3:.3f} | {theirs * 1e3:.3f} "
            f"| {theirs / ours:.1f} |"
        )
    if worst < AT_LEAST:
        raise SystemExit(f"the ratio {worst:.1f} is below {AT_LEAST}")


if __name__ == "__main__":
    main()
