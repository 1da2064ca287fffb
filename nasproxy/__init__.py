"""Zero-cost proxies: rank candidate networks before any of them is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nasproxy import benchmarks, proxies, spaces
    from nasproxy.batch import Batch
    from nasproxy.errors import NasproxyError
    from nasproxy.evaluation import evaluate, explain
    from nasproxy.proxies.proxy import Proxy, ProxyScore

__all__ = [
    "Batch",
    "NasproxyError",
    "Proxy",
    "ProxyScore",
    "benchmarks",
    "evaluate",
    "explain",
    "proxies",
    "spaces",
]

_HOMES = {
    "Batch": "nasproxy.batch",
    "NasproxyError": "nasproxy.errors",
    "Proxy": "nasproxy.proxies.proxy",
    "ProxyScore": "nasproxy.proxies.proxy",
    "evaluate": "nasproxy.evaluation",
    "explain": "nasproxy.evaluation",
}


def __getattr__(name: str) -> Any:
    # Lazy, so that `import nasproxy` for a name or an error does not import torch (three seconds).
    from importlib import import_module

    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in __all__:
        return import_module(f"nasproxy.{name}")
    raise AttributeError(f"module 'nasproxy' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
