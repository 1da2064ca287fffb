"""The spectrum of a feed-forward layer's features: through the smaller side, and in full.

    python benchmarks/spectrum.py

For the shapes of FlexiBERT: tokens, width of the inputs, width of the features; milliseconds of one
thread's CPU, the least of as many calls. "Full" is the covariance of the features and its
eigenvalues by NumPy, "NumPy" and "torch" are ``eigvalsh`` of that covariance alone; "here" is
everything from the inputs and the weight on, "step" what there is of it after the covariance of the
inputs, "shared" the same where the weight was met before, as it is for all but the first networks
of a ranking: both covariances being given, torch or NumPy over either compares the spectra alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from nasproxy.scoring.workers import single_thread
from nasproxy.tracing.spectrum import (
    affine_spectrum,
    component_count,
    moments_of,
    spectrum_through,
    triangle_of,
)


def best(*calls: Callable[[], object], repeats: int = 15) -> list[float]:
    """The least time of each, in turns, so that another's work on the machine meets them all."""
    times = []
    for _ in range(repeats):
        for call in calls:
            began = time.process_time()
            call()
            times.append(time.process_time() - began)
    return [min(times[i :: len(calls)]) * 1e3 for i in range(len(calls))]


def main() -> None:
    rng = np.random.default_rng(0)
    print(
        "tokens inputs features   full   NumPy   torch   here   step shared "
        "full/here NumPy/step torch/step NumPy/shared torch/shared"
    )
    for tokens in (512, 2048):
        for width, features in ((128, 512), (256, 1024)):
            x = torch.from_numpy(rng.normal(size=(tokens, width)).astype(np.float32))
            x = torch.nn.functional.layer_norm(x, (width,))
            weight = torch.from_numpy(
                rng.normal(0, 0.02, size=(features, width)).astype(np.float32)
            )
            h = (x @ weight.T).double().numpy()
            covariance = np.cov(h, rowvar=False)

            def here(x: torch.Tensor = x, weight: torch.Tensor = weight) -> np.ndarray:
                return affine_spectrum(moments_of(x), weight.double().numpy())

            wide = torch.from_numpy(covariance)
            moments, wide_weight = moments_of(x), weight.double().numpy()
            triangle = triangle_of(wide_weight)
            full, alone, by_torch, all_here, step, shared = best(
                lambda h=h: np.linalg.eigvalsh(np.cov(h, rowvar=False)),
                lambda c=covariance: np.linalg.eigvalsh(c),
                lambda c=wide: torch.linalg.eigvalsh(c),
                here,
                lambda m=moments, w=wide_weight: affine_spectrum(m, w),
                lambda m=moments, r=triangle: spectrum_through(m, r),
            )
            counts = [
                component_count(values, 0.99)
                for values in (np.linalg.eigvalsh(covariance)[::-1].clip(min=0), here())
            ]
            assert counts[0] == counts[1]
            print(
                f"{tokens:6d} {width:6d} {features:8d} {full:6.1f} {alone:7.1f} {by_torch:7.1f} "
                f"{all_here:6.2f} {step:6.2f} {shared:6.2f} {full / all_here:9.1f} "
                f"{alone / step:10.1f} {by_torch / step:10.1f} {alone / shared:12.1f} "
                f"{by_torch / shared:12.1f}"
            )


if __name__ == "__main__":
    with single_thread():
        main()
