"""What the two proxies say of the same weights, and what fresh models say of each selection."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def draw(losses: dict[str, dict[str, list[float]]], records: list[dict], path: Path) -> None:
    """Two panels as PNG: ``ngram`` against ``gpt``, and the mean losses of fresh models.

    Args:
        losses: proxy -> validation set -> loss of each weight vector.
        records: of fresh models, as ``train_fresh`` returns them.
        path: of the picture.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.3])
    for name in losses["gpt"]:
        left.plot(losses["ngram"][name], losses["gpt"][name], ".", alpha=0.7, label=name)
    left.set(xlabel="loss of n-gram models (nats)", ylabel="loss of decoders (nats)")
    left.set_title("The same weight vectors")
    left.legend(frameon=False)
    names = list(dict.fromkeys(record["selection"] for record in records))
    values = {
        name: [np.mean(list(r["losses"].values())) for r in records if r["selection"] == name]
        for name in names
    }
    names.sort(key=lambda name: -np.mean(values[name]))
    for place, name in enumerate(names):
        right.plot(values[name], [place] * len(values[name]), "o", color="0.65", markersize=4)
        right.plot(np.mean(values[name]), place, "k|", markersize=14)
    right.set_yticks(range(len(names)), names)
    right.set(xlabel="mean validation loss of fresh decoders (nats)")
    right.set_title("Selections by these weights; a dot is a seed")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
