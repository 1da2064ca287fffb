"""The spectrum of a feed-forward layer's features: through the smaller side, and in full.

    python benchmarks/spectrum.py

For the shapes of FlexiBERT: tokens, width of the inputs, width of the features; milliseconds on one
thread. "Full" is the covariance of the features and its eigenvalues by NumPy, "NumPy" and "torch"
are ``eigvalsh`` of that covariance alone; "here" is everything from the inputs and the weight on,
"step" what there is of it after the covariance of the inputs: both covariances being given, torch
or NumPy over "step" compares the spectra alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from nasproxy.scoring.workers import single_thread
from nasproxy.tracing.spectrum import affine_spectrum, component_count, moments_of


def best(call: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return min(times) * 1e3


def main() -> None:
    rng = np.random.default_rng(0)
    print(
        "tokens inputs features   full   NumPy   torch   here   step  "
        "full/here NumPy/step torch/step"
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

            full = best(lambda h=h: np.linalg.eigvalsh(np.cov(h, rowvar=False)), 3)
            alone = best(lambda c=covariance: np.linalg.eigvalsh(c), 3)
            wide = torch.from_numpy(covariance)
            by_torch = best(lambda c=wide: torch.linalg.eigvalsh(c), 3)
            short = best(here, 20)
            moments, wide_weight = moments_of(x), weight.double().numpy()
            step = best(lambda m=moments, w=wide_weight: affine_spectrum(m, w), 40)
            counts = [
                component_count(values, 0.99)
                for values in (np.linalg.eigvalsh(covariance)[::-1].clip(min=0), here())
            ]
            assert counts[0] == counts[1]
            print(
                f"{tokens:6d} {width:6d} {features:8d} {full:6.1f} {alone:7.1f} {by_torch:7.1f} "
                f"{short:6.2f} {step:6.2f} {full / short:10.1f} {alone / step:10.1f} "
                f"{by_torch / step:10.1f}"
            )


if __name__ == "__main__":
    with single_thread():
        main()
