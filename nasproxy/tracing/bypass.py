"""Let chosen modules of a network pass their input through, for the length of a traversal."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from nasproxy.tracing.parts import Parts

__all__ = ["bypassed", "is_normalisation"]

_NORMALISATION = re.compile(r"(batch|layer|group|instance|rms)_?norm", re.IGNORECASE)


def is_normalisation(module: nn.Module) -> bool:
    """Whether a module normalises, by its class's name: model code bases write their own.

    A module with parts of its own that hold parameters (a ``ConvBatchNorm``, say) does not count:
    its parts are looked at one by one.
    """
    if _NORMALISATION.search(type(module).__name__) is None:
        return False
    return all(
        is_normalisation(part) or next(part.parameters(), None) is None
        for part in module.children()
    )


def _identity(inputs: Tensor, *_: Any, **__: Any) -> Tensor:
    return inputs


@contextmanager
def bypassed(
    parts: Parts, embedding: Callable[[nn.Embedding], Callable[..., Tensor]] | None = None
) -> Iterator[None]:
    """Replace what normalisations, and embeddings where asked, compute; afterwards it is undone.

    Args:
        parts: of the network whose modules are replaced. A module whose ``forward`` its owner has
            replaced is left as it is.
        embedding: makes the replacement of an embedding's forward; None leaves embeddings alone.
    """
    changed: list[nn.Module] = []
    try:
        for module in parts.modules.values():
            if "forward" in vars(module):
                continue
            if embedding is not None and isinstance(module, nn.Embedding):
                module.forward = embedding(module)  # type: ignore[method-assign]
            elif is_normalisation(module):
                module.forward = _identity
            else:
                continue
            changed.append(module)
        yield
    finally:
        for module in changed:
            del module.forward
