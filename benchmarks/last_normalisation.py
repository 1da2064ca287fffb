"""What is left of proxies that read gradients of the summed output, behind a last normalisation.

    python benchmarks/last_normalisation.py --networks 50

Encoders of FlexiBERT end in a layer normalisation, of which the plain sum of the outputs is
constant. Every proxy is taken of that sum, as in the published code, and of the sum with random
signs, in float32 and in float64: a score is one where the two precisions agree.
"""

from __future__ import annotations

import argparse

import numpy as np

from nasproxy import benchmarks
from nasproxy.evaluation import outcomes
from nasproxy.proxies.transformers import (
    head_importance,
    jacobian_cosine,
    synaptic_diversity,
    synaptic_saliency,
)
from nasproxy.ranking import agreement
from nasproxy.scoring.workers import single_thread
from nasproxy.spaces.flexibert import FlexiBERT
from nasproxy.tokens import random_tokens
from nasproxy.tracing import token_pass

PROXIES = (synaptic_diversity, synaptic_saliency, head_importance, jacobian_cosine)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--networks", type=int, default=50)
    parser.add_argument("--shape", default="8x64")
    args = parser.parse_args()
    size, length = map(int, args.shape.split("x"))
    # Scores that are rounding alone are what is to be seen here.
    token_pass._CONSTANT = 0.0
    table, space = benchmarks.get("flexibert"), FlexiBERT(length=length)
    chosen = np.random.default_rng(0).permutation(500)[: args.networks]
    texts = [table.architectures[i] for i in chosen]
    truth = table.lookup(texts, "glue")
    batch = random_tokens(size=size, length=length, vocabulary=space.vocabulary, seed=0)
    asked = [
        proxy(cotangent=cotangent, name=f"{proxy.__name__} {cotangent}")
        for proxy in PROXIES
        for cotangent in ("ones", "signs")
    ]
    scores: dict[str, list[tuple[float, float]]] = {proxy.name: [] for proxy in asked}
    for text in texts:
        network = space.build(space.parse(text), seed=0).eval()
        for module in network.modules():
            if hasattr(module, "p"):
                module.p = 0.0  # two precisions draw two masks
        with single_thread():
            single = outcomes(network, batch, asked)
            double = outcomes(network.double(), batch, asked)
        for name, values in scores.items():
            values.append(tuple(getattr(f[name], "value", np.nan) for f in (single, double)))
    print("| proxy | sum | float32 : float64, median | ρ between them | τ_b with GLUE | float64 |")
    print("|---|---|---|---|---|---|")
    for name, values in scores.items():
        single, double = np.array(values).T
        between = agreement(single, double, resamples=1).spearman.value
        taus = [agreement(s, truth, resamples=1).kendall.value for s in (single, double)]
        proxy, cotangent = name.split()
        ratio = np.nanmedian(single / double)
        print(
            f"| `{proxy}` | {cotangent} | {ratio:.3g} | {between:.3f} "
            f"| {taus[0]:+.3f} | {taus[1]:+.3f} |"
        )


if __name__ == "__main__":
    main()
