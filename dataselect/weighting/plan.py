"""A design of a number of runs, and proxies, by their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dataselect.errors import DataselectError
from dataselect.weighting.designs import (
    PUBLISHED_SEED,
    Design,
    anchors,
    concatenate,
    dirichlet,
    low_discrepancy,
    sparse,
)
from dataselect.weighting.proxies import GptProxy, NgramProxy, Proxy
from zerocost.errors import did_you_mean

__all__ = ["DESIGNS", "design_of", "proxy_of"]

DESIGNS = ("mixed", "dirichlet", "low-discrepancy", "sparse", "published")

PROXIES = ("ngram", "gpt")
_ACTIVE = 4


def design_of(names: Sequence[str], kind: str, runs: int, *, seed: int) -> Design:
    """A design of so many runs in all.

    All kinds but ``published`` begin with the anchors: uniform weights and each score alone, as
    far as they take no more than half of the runs; else uniform weights only. ``mixed`` goes on
    with evenly spread points and sparse ones of four scores by turns. ``published`` is that of
    Meta-rater: Dirichlet(1) with the released seed, whatever ``seed`` is.

    Args:
        names: of the scores.
        kind: of `DESIGNS`.
        runs: anchors included.
        seed: of the draws.

    Raises:
        DataselectError: there is no such kind, or a run at most.
    """
    if runs < 2:
        raise DataselectError(f"a design of {runs} runs", accepted="2 or more; 64 to 256 are usual")
    if kind == "published":
        return dirichlet(names, runs, seed=PUBLISHED_SEED)
    first = anchors(names)
    if 2 * len(first.run_ids) > runs:
        first = Design(first.names, first.run_ids[:1], first.weights[:1])
    left = runs - len(first.run_ids)
    active = min(_ACTIVE, len(names))
    if kind == "dirichlet":
        return concatenate(first, dirichlet(names, left, seed=seed))
    if kind == "low-discrepancy":
        return concatenate(first, low_discrepancy(names, left, seed=seed))
    if kind == "sparse":
        return concatenate(first, sparse(names, left, active=active, seed=seed))
    if kind != "mixed":
        raise DataselectError(
            f"there is no design {kind!r}",
            accepted=", ".join(DESIGNS),
            hint=did_you_mean(kind, DESIGNS),
        )
    spread = low_discrepancy(names, -(-left // 2), seed=seed)
    few = sparse(names, max(1, left // 2), active=active, seed=seed)
    both = concatenate(spread, few)
    turns = np.argsort(
        np.concatenate([2 * np.arange(len(d.run_ids)) for d in (spread, few)]), kind="stable"
    )[:left]
    rows = turns.tolist()
    alternating = Design(both.names, tuple(both.run_ids[row] for row in rows), both.weights[rows])
    return concatenate(first, alternating)


def proxy_of(name: str, *, tokens: int, **settings: Any) -> Proxy:
    """A proxy by its name; settings that are None take their defaults.

    Raises:
        DataselectError: there is no such proxy, or it has no such setting.
    """
    given = {key: value for key, value in settings.items() if value is not None}
    known = {"ngram": ("order",), "gpt": ("size", "context", "batch", "rate", "stacked", "device")}
    if name not in known:
        raise DataselectError(
            f"there is no proxy {name!r}",
            accepted=", ".join(PROXIES),
            hint=did_you_mean(name, PROXIES),
        )
    for key in given:
        if key not in known[name]:
            raise DataselectError(
                f"the proxy {name} has no setting {key!r}",
                accepted=", ".join(known[name]),
                hint=did_you_mean(key, known[name]),
            )
    return NgramProxy(**given) if name == "ngram" else GptProxy(tokens=tokens, **given)
