"""The scores of one architecture, each of the network that it belongs to."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum
from typing import TypeVar

import numpy as np
from torch import nn

from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.evaluation import outcomes
from nasproxy.proxies import default_of, get_all
from nasproxy.proxies.proxy import Proxy, ProxyScore
from nasproxy.spaces.space import SearchSpace
from nasproxy.tracing.earlier import EarlierResults

__all__ = ["Candidate", "build_for", "outcomes_of", "over_seeds", "score_candidate"]

A = TypeVar("A", bound=Hashable)


@dataclass(frozen=True)
class Candidate:
    """One architecture and what the proxies say of it.

    Attributes:
        architecture: its text form.
        canonical: the text of the function that it computes.
        scores: proxy -> score, of several seeds the mean; None where the network has none.
        reasons: proxy -> why it has none, for those.
        spread: proxy -> the standard deviation over seeds (of a sample: K - 1 below), where there
            are several; None where there is no score.
    """

    architecture: str
    canonical: str
    scores: Mapping[str, float | None]
    reasons: Mapping[str, str]
    spread: Mapping[str, float | None] = field(default_factory=dict)


def over_seeds(
    architecture: str,
    canonical: str,
    values: Mapping[str, Sequence[float | None]],
    reasons: Mapping[str, str],
) -> Candidate:
    """Mean and spread of what was measured under each seed.

    A proxy without a score under one of the seeds has none: the mean of the others would compare
    with nothing.
    """
    scores: dict[str, float | None] = {}
    spread: dict[str, float | None] = {}
    for proxy, of_seeds in values.items():
        known = [value for value in of_seeds if value is not None]
        complete = len(known) == len(of_seeds)
        scores[proxy] = fsum(known) / len(known) if complete else None
        if len(of_seeds) > 1:
            spread[proxy] = float(np.std(known, ddof=1)) if complete else None
    return Candidate(architecture, canonical, scores, reasons, spread)


def score_candidate(
    space: SearchSpace[A],
    architecture: A,
    batch: Batch,
    proxies: Iterable[str | Proxy] | None = None,
    *,
    seed: int = 0,
    device: str = "cpu",
    earlier: EarlierResults | None = None,
) -> Candidate:
    """Score an architecture as it is spelt, as `outcomes_of` does, for a row of a table.

    Raises:
        NasproxyError: a proxy's name does not exist.
    """
    scores: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    found = outcomes_of(
        space, architecture, batch, proxies, seed=seed, device=device, earlier=earlier
    )
    for name, outcome in found.items():
        if isinstance(outcome, NasproxyError):
            scores[name], reasons[name] = None, outcome.wrong
        else:
            scores[name] = outcome.value
    return Candidate(str(architecture), space.canonical(architecture), scores, reasons)


def outcomes_of(
    space: SearchSpace[A],
    architecture: A,
    batch: Batch,
    proxies: Iterable[str | Proxy] | None = None,
    *,
    seed: int = 0,
    device: str = "cpu",
    earlier: EarlierResults | None = None,
) -> dict[str, ProxyScore | NasproxyError]:
    """The scores of an architecture as it is spelt, or why there is none.

    Counts and norms of weights are those of the network as written, dead parts included, as the
    benchmarks publish them. What is measured with data is measured on the network without dead
    parts, which computes the same function in less time.

    Args:
        space: the space of the architecture.
        architecture: a value of that space.
        batch: inputs and labels; the network gets as many classes and input channels.
        proxies: names or objects; the default set of the space for None.
        seed: of the network's initialisation and of random draws in the passes.
        device: where the network runs, as torch names it.
        earlier: what was computed for networks before this one; added to.

    Returns:
        Proxy -> score, or the error in its place; in the order asked.

    Raises:
        NasproxyError: a proxy's name does not exist.
    """
    asked = get_all(default_of(space) if proxies is None else proxies)
    simplified = space.simplified(architecture)
    found: dict[str, ProxyScore | NasproxyError] = {}
    for spelt, network in ((True, architecture), (False, simplified)):
        group = [p for p in asked if (p.depends_on_spelling or simplified == architecture) is spelt]
        if group:
            built = build_for(space, network, batch, seed=seed, device=device)
            found |= outcomes(built, batch, group, seed=seed, earlier=earlier)
    return {proxy.name: found[proxy.name] for proxy in asked}


def build_for(
    space: SearchSpace[A], architecture: A, batch: Batch, *, seed: int, device: str = "cpu"
) -> nn.Module:
    """The network of an architecture with the classes and input channels of a batch."""
    inputs = batch.tensors[0]
    channels = inputs.shape[1] if inputs.ndim >= 3 else space.input_shape[0]
    # Without labels a space builds what it builds by default: ten classes, or an encoder's states.
    classes = {} if batch.classes is None else {"classes": batch.classes}
    # A space may offer networks that share their parameters: no pass writes to them.
    build = getattr(space, "build_to_read", space.build)
    network: nn.Module = build(architecture, seed=seed, in_channels=channels, **classes)
    # It is on the CPU, and a walk over its modules to find that out takes a millisecond.
    return network if device == "cpu" else network.to(device)
