"""Primitive blocks: the parts that a deep network repeats or strings together."""

from __future__ import annotations

from torch import nn

from nasproxy.tracing.subject import Subject

__all__ = ["primitive_blocks"]


def primitive_blocks(subject: Subject) -> tuple[str, ...]:
    """The paths of the blocks of a network, in its own order.

    The network, every list of modules (``Sequential``, ``ModuleList``) and every module that holds
    a list of two or more modules with weights are opened; what is found within, and has weights, is
    a block: a cell of NAS-Bench-201, a residual block, a transformer layer, a single convolution
    where a network is a plain chain.
    """
    owners = {node.rpartition(".")[0] for node in subject.nodes}
    weighted = {
        ".".join(parts[: k + 1])
        for parts in (owner.split(".") for owner in owners)
        for k in range(len(parts))
    }
    found: list[str] = []

    def look(path: str, module: nn.Module) -> None:
        children = {
            f"{path}.{name}" if path else name: child for name, child in module.named_children()
        }
        inner = {name: child for name, child in children.items() if name in weighted}
        if inner and (not path or _is_list(module) or _holds_list(module, path, weighted)):
            for name, child in inner.items():
                look(name, child)
        else:
            found.append(path)

    look("", subject.parts.network)
    return tuple(found)


def _is_list(module: nn.Module) -> bool:
    return isinstance(module, nn.Sequential | nn.ModuleList)


def _holds_list(module: nn.Module, path: str, weighted: set[str]) -> bool:
    """Whether a list of two or more modules with weights is somewhere inside."""
    return any(
        _is_list(part)
        and sum(f"{path}.{name}.{child}" in weighted for child, _ in part.named_children()) > 1
        for name, part in module.named_modules()
        if name
    )
