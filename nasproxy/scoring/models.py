"""Score a network of the user's own, found by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn

from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.evaluation import outcomes
from nasproxy.proxies.proxy import Proxy, ProxyScore
from nasproxy.tracing.preserve import drawing_from
from zerocost.registry import load_object

__all__ = ["score_model"]


def score_model(
    path: str,
    batch: Batch,
    proxies: Iterable[str | Proxy] | None = None,
    *,
    seed: int = 0,
    device: str = "cpu",
) -> dict[str, ProxyScore | NasproxyError]:
    """Score what ``pkg.module:factory`` makes.

    Args:
        path: a module object, or a class or function that makes one without arguments.
        batch: inputs and labels.
        proxies: names or objects; the default set for None.
        seed: of the network's initialisation (the global generators start from it while the
            factory is called) and of draws in the passes.
        device: where the network runs.

    Returns:
        Proxy -> score, or the error in its place; in the order asked.

    Raises:
        NasproxyError: the path does not lead to a network, or the factory fails.
    """
    found: Any = load_object(path, kind="network", error=NasproxyError)
    if not isinstance(found, nn.Module):
        try:
            with drawing_from(seed):
                found = found()
        except Exception as cause:  # whatever the user's factory raises
            raise NasproxyError(
                f"{path} cannot be called without arguments: {type(cause).__name__}: {cause}",
                accepted="a function or class that makes a torch.nn.Module without arguments",
            ) from cause
    if not isinstance(found, nn.Module):
        raise NasproxyError(f"{path} gives a {type(found).__name__}", accepted="a torch.nn.Module")
    return outcomes(found.to(device), batch, proxies, seed=seed)
