"""Every built-in proxy keeps the contract that third parties inherit."""

from nasproxy import proxies
from nasproxy.testing.proxies import ProxyContract

# What a proxy does not claim to read: a vector has no positions to correlate channels over.
_WITH_POSITIONS = ("meco", "layer_decorrelation", "act_decorrelation")
_OF_TRANSFORMERS = (
    "activation_distance",
    "dss",
    "head_confidence",
    "head_importance",
    "jacobian_cosine",
    "softmax_confidence",
    "synaptic_diversity",
    "synaptic_saliency",
)
_NETWORKS = dict.fromkeys(_WITH_POSITIONS, ("convolutional", "transformer")) | dict.fromkeys(
    _OF_TRANSFORMERS, ("transformer",)
)

for _name in proxies.names():
    _proxy = proxies.get(_name)
    claimed = {"networks": _NETWORKS[_name]} if _name in _NETWORKS else {}
    globals()[f"Test_{_name}"] = type(
        f"Test_{_name}", (ProxyContract,), {"proxy": _proxy} | claimed
    )
