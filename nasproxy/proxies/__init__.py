"""The zero-cost proxies by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from nasproxy.errors import NasproxyError
from zerocost.registry import Registry

if TYPE_CHECKING:
    from nasproxy.proxies.proxy import Proxy

__all__ = ["DEFAULT", "default_of", "get", "get_all", "names"]

_REGISTRY: Registry[Proxy] = Registry(
    "proxy",
    group="nasproxy.proxies",
    builtin={
        "params": "nasproxy.proxies.counts:PARAMS",
        "flops": "nasproxy.proxies.counts:FLOPS",
        "l2_norm": "nasproxy.proxies.weights:L2_NORM",
        "grad_norm": "nasproxy.proxies.weights:GRAD_NORM",
        "snip": "nasproxy.proxies.weights:SNIP",
        "plain": "nasproxy.proxies.weights:PLAIN",
        "fisher": "nasproxy.proxies.fisher:FISHER",
        "jacob_cov": "nasproxy.proxies.jacobian:JACOB_COV",
        "epe_nas": "nasproxy.proxies.jacobian:EPE_NAS",
        "grasp": "nasproxy.proxies.grasp:GRASP",
        "meco": "nasproxy.proxies.meco:MECO",
        "layer_decorrelation": "nasproxy.proxies.decorrelation:LAYER_DECORRELATION",
        "act_decorrelation": "nasproxy.proxies.decorrelation:ACT_DECORRELATION",
        "swap": "nasproxy.proxies.swap:SWAP",
        "swap_reg": "nasproxy.proxies.swap:SWAP_REG",
        "wrcor": "nasproxy.proxies.wrcor:WRCOR",
        "zico": "nasproxy.proxies.zico:ZICO",
        "zen": "nasproxy.proxies.zen:ZEN",
        "gradsign": "nasproxy.proxies.gradsign:GRADSIGN",
        "az_expressivity": "nasproxy.proxies.az_nas:EXPRESSIVITY",
        "az_progressivity": "nasproxy.proxies.az_nas:PROGRESSIVITY",
        "az_trainability": "nasproxy.proxies.az_nas:TRAINABILITY",
        "ntk": "nasproxy.proxies.ntk:NTK",
        "linear_regions": "nasproxy.proxies.linear_regions:LINEAR_REGIONS",
        "naswot": "nasproxy.proxies.naswot:NASWOT",
        "synflow": "nasproxy.proxies.synflow:SYNFLOW",
        "vpca": "nasproxy.proxies.wpca:VPCA",
        "wpca": "nasproxy.proxies.wpca:WPCA",
        "pca_entropy": "nasproxy.proxies.wpca:PCA_ENTROPY",
        "synaptic_diversity": "nasproxy.proxies.transformers:SYNAPTIC_DIVERSITY",
        "synaptic_saliency": "nasproxy.proxies.transformers:SYNAPTIC_SALIENCY",
        "activation_distance": "nasproxy.proxies.transformers:ACTIVATION_DISTANCE",
        "jacobian_cosine": "nasproxy.proxies.transformers:JACOBIAN_COSINE",
        "head_importance": "nasproxy.proxies.transformers:HEAD_IMPORTANCE",
        "head_confidence": "nasproxy.proxies.transformers:HEAD_CONFIDENCE",
        "softmax_confidence": "nasproxy.proxies.transformers:SOFTMAX_CONFIDENCE",
        "dss": "nasproxy.proxies.transformers:DSS",
    },
    error=NasproxyError,
    listing="nasproxy proxies",
)

DEFAULT = ("naswot", "synflow")
"""What runs where no proxy is named: no labels, one forward of the batch and one of one sample."""


def default_of(space: object) -> tuple[str, ...]:
    """What runs on a space where no proxy is named: its own ``default_proxies``, or DEFAULT."""
    named: tuple[str, ...] = getattr(space, "default_proxies", DEFAULT)
    return named


def get(name: str) -> Proxy:
    """The proxy of a name, or of ``pkg.module:object``."""
    return _REGISTRY.get(name)


def names(pattern: str = "*") -> list[str]:
    """The names of the proxies that match a shell pattern."""
    return _REGISTRY.names(pattern)


def get_all(
    proxies: str | Proxy | Iterable[str | Proxy] | None = None,
) -> tuple[Proxy, ...]:
    """Proxies by name or as they are, in the order given, each once; the default set for None.

    Raises:
        NasproxyError: none is named, a name does not exist, an object is no proxy, or two
            different proxies have one name.
    """
    from nasproxy.proxies.proxy import Proxy

    if isinstance(proxies, str | Proxy):
        proxies = (proxies,)
    found: dict[str, Proxy] = {}
    for proxy in DEFAULT if proxies is None else proxies:
        resolved = get(proxy) if isinstance(proxy, str) else proxy
        if not isinstance(resolved, Proxy):
            raise NasproxyError(
                f"{resolved!r:.80} is not a proxy", accepted="names and Proxy objects"
            )
        if found.setdefault(resolved.name, resolved) is not resolved:
            raise NasproxyError(
                f"two different proxies are named {resolved.name!r}",
                accepted="one name for each proxy asked for",
            )
    if not found:
        raise NasproxyError(
            "no proxy is named", accepted=", ".join(names()), hint="`nasproxy proxies` lists them"
        )
    return tuple(found.values())
