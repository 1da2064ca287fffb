"""Label-free, gradient-free statistics of the 500 FlexiBERT encoders, for choosing a proxy.

python benchmarks/flexibert_features.py --out features.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from nasproxy import benchmarks
from nasproxy.evaluation import evaluate
from nasproxy.proxies.wpca import pca_entropy, vpca
from nasproxy.scoring.candidates import build_for
from nasproxy.scoring.workers import single_thread
from nasproxy.spaces.flexibert import FlexiBERT
from nasproxy.tokens import random_tokens

CONTEXT = ["layers.*.operation.output.dense"]
VALUES = ["layers.*.operation.value"]
NARROWING = ["layers.*.feed_forward.output.dense"]
PROXIES = (
    "params",
    vpca(eta=0.999, name="vpca_999"),
    vpca(linears="all", name="vpca_all"),
    pca_entropy(name="ffn_entropy"),
    pca_entropy(linears="all", name="ffn_entropy_all"),
    vpca(layers=CONTEXT, name="context_vpca"),
    pca_entropy(layers=CONTEXT, name="context_entropy"),
    pca_entropy(layers=VALUES, name="value_entropy"),
    pca_entropy(layers=NARROWING, name="narrowing_entropy"),
    vpca(layers=NARROWING, name="narrowing_vpca"),
    "head_confidence",
    "softmax_confidence",
    "activation_distance",
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    space = FlexiBERT(length=64)
    batch = random_tokens(size=8, length=64, vocabulary=space.vocabulary, seed=args.seed)
    known: dict[str, dict[str, list[float]]] = {}
    rows = []
    for text in benchmarks.get("flexibert").architectures:
        encoder = space.parse(text)
        function = space.canonical(encoder)
        if function not in known:  # the builder makes one network of several architectures
            with single_thread():
                network = build_for(space, encoder, batch, seed=args.seed)
                scores = evaluate(network, batch, PROXIES, seed=args.seed)
            known[function] = {name: score.nodes.tolist() for name, score in scores.items()}
        rows.append({"architecture": text, "nodes": known[function]})
    args.out.write_text(json.dumps(rows))


if __name__ == "__main__":
    main()
