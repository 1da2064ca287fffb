"""The scorers by name."""

from __future__ import annotations

from typing import Any

from dataselect.errors import DataselectError
from zerocost.registry import Registry

__all__ = ["get", "names"]

_REGISTRY: Registry[Any] = Registry(
    "scorer",
    group="dataselect.scorers",
    builtin={
        "signals": "dataselect.scorers.signals:SIGNALS",
        "signals_light": "dataselect.scorers.signals:LIGHT",
        "heuristics": "dataselect.scorers.heuristics:HEURISTICS",
    },
    error=DataselectError,
    listing="dataselect scorers",
)


def get(name: str) -> Any:
    """The scorer of a name, or of ``pkg.module:object``."""
    return _REGISTRY.get(name)


def names(pattern: str = "*") -> list[str]:
    """The names of the scorers that match a shell pattern."""
    return _REGISTRY.names(pattern)
