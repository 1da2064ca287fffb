"""Score a network by any number of proxies in the passes that they need together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.proxies import get_all
from nasproxy.proxies.proxy import Proxy, ProxyScore, score_of
from nasproxy.tracing.preserve import generators_kept
from nasproxy.tracing.records import plan, run_passes
from nasproxy.tracing.subject import cross_entropy, subject_of

if TYPE_CHECKING:
    from nasproxy.tracing.earlier import EarlierResults
    from nasproxy.tracing.subject import Loss

__all__ = ["evaluate", "explain", "outcomes"]


def evaluate(
    network: nn.Module,
    batch: Batch | Tensor | tuple[Tensor, Tensor],
    proxies: str | Proxy | Iterable[str | Proxy] | None = None,
    *,
    seed: int = 0,
    loss: Loss = cross_entropy,
) -> dict[str, ProxyScore]:
    """Score a network by zero-cost proxies.

    Each kind of pass over the network runs once, whatever is asked; a score does not depend on
    which others are asked for. Afterwards parameters, buffers, gradients, hooks, training flags,
    device and dtype of the network, and the process's random state, are what they were.

    Args:
        network: any module; float parameters on one device.
        batch: a :class:`Batch`, a tensor of inputs, or a pair (inputs, labels int64 ``[n]``). Float
            inputs are given in the dtype of the parameters, where these are of one dtype.
        proxies: one or several names or :class:`Proxy` objects; the documented default set for
            None.
        seed: what random draws in the network (dropout) start from, 0 to 2^63 - 1.
        loss: prediction and labels -> a scalar, for the proxies that read gradients.

    Returns:
        Proxy name -> score, in the order asked.

    Raises:
        NasproxyError: a name does not exist, the batch is too small or lacks labels, the network
            fails or its output is not finite, or a score is not.
    """
    with generators_kept():
        found = _outcomes(network, batch, proxies, seed, loss)
    scores: dict[str, ProxyScore] = {}
    for name, outcome in found.items():
        if isinstance(outcome, NasproxyError):
            raise outcome
        scores[name] = outcome
    return scores


def outcomes(
    network: nn.Module,
    batch: Batch | Tensor | tuple[Tensor, Tensor],
    proxies: str | Proxy | Iterable[str | Proxy] | None = None,
    *,
    seed: int = 0,
    loss: Loss = cross_entropy,
    earlier: EarlierResults | None = None,
) -> dict[str, ProxyScore | NasproxyError]:
    """As :func:`evaluate`, with an error in place of each score that could not be had.

    With ``earlier`` results what this network has in common with those before is not computed
    again; the scores are the same. Only networks with ``signatures`` have anything in common; see
    `nasproxy.tracing.earlier` for what they promise.
    """
    with generators_kept():
        found = _outcomes(network, batch, proxies, seed, loss, earlier=earlier)
        for outcome in found.values():
            if isinstance(outcome, NasproxyError):
                _release(outcome)
    return found


def _outcomes(
    network: nn.Module,
    batch: Batch | Tensor | tuple[Tensor, Tensor],
    proxies: str | Proxy | Iterable[str | Proxy] | None,
    seed: int,
    loss: Loss,
    *,
    earlier: EarlierResults | None = None,
) -> dict[str, ProxyScore | NasproxyError]:
    found: dict[str, ProxyScore | NasproxyError] = {}
    asked = get_all(proxies)
    _check(network, seed)
    # Under the caller's inference mode no gradient exists, and zeros would pass for scores.
    with torch.inference_mode(False):
        subject = subject_of(network, as_batch(batch), loss=loss, seed=seed, earlier=earlier)
        trace = run_passes(subject, [record for proxy in asked for record in proxy.needs])
        for proxy in asked:
            try:
                found[proxy.name] = score_of(proxy, trace)
            except NasproxyError as error:
                found[proxy.name] = error
    return found


def explain(
    proxies: str | Proxy | Iterable[str | Proxy] | None = None,
) -> list[tuple[str, str, list[str]]]:
    """Which passes would run for these proxies.

    Returns:
        For each pass its name, what it costs, and the proxies that read its records.
    """
    asked = get_all(proxies)
    steps = plan(record for proxy in asked for record in proxy.needs)
    return [
        (
            step.name,
            step.cost(records),
            [proxy.name for proxy in asked if any(r.made_by is step for r in proxy.needs)],
        )
        for step, records in steps.items()
    ]


def as_batch(batch: Batch | Tensor | tuple[Tensor, Tensor]) -> Batch:
    """A tensor of inputs, or a pair of inputs and labels, as a :class:`Batch`.

    Raises:
        NasproxyError: it is neither, or the batch is empty.
    """
    if isinstance(batch, Tensor):
        batch = Batch(batch)
    elif isinstance(batch, tuple) and len(batch) == 2:
        batch = Batch(batch[0], batch[1])
    if not isinstance(batch, Batch):
        raise NasproxyError(
            f"a {type(batch).__name__} is not a batch",
            accepted="a Batch, a tensor of inputs, or a pair (inputs, labels)",
            hint="Batch({name: tensor}) for a network that takes keyword arguments",
        )
    # A list is neither one tensor nor a mapping, and its parts are not looked for.
    parts = batch.tensors if isinstance(batch.inputs, Tensor | tuple | Mapping) else (batch.inputs,)
    for part in (*parts, *(() if batch.labels is None else (batch.labels,))):
        if not isinstance(part, Tensor):
            raise NasproxyError(
                f"the batch holds a {type(part).__name__}, not a tensor",
                accepted="tensors: inputs [n, ...], labels int64 [n]",
                hint="torch.as_tensor makes one of a NumPy array or a list",
            )
    if not batch.tensors or batch.tensors[0].ndim == 0 or batch.size == 0:
        raise NasproxyError("the batch is empty", accepted="at least one sample")
    return batch


def _check(network: object, seed: object) -> None:
    if not isinstance(network, nn.Module):
        raise NasproxyError(
            f"{network!r:.80} is not a network", accepted="an instance of torch.nn.Module"
        )
    lazy = [name for name, p in network.named_parameters() if isinstance(p, UninitializedParameter)]
    if lazy:
        raise NasproxyError(
            f"the network's parameter {lazy[0]} has no numbers yet",
            accepted="a network whose lazy modules know their sizes",
            hint="call the network once on the inputs first",
        )
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise NasproxyError(f"the seed is {seed!r}", accepted="an integer, 0 to 2^63 - 1")


def _release(error: NasproxyError) -> None:
    """Drop the tracebacks, which would keep the network alive for as long as the error."""
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
