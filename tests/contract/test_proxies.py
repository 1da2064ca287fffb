"""Every built-in proxy keeps the contract that third parties inherit."""

from nasproxy import proxies
from nasproxy.testing.proxies import ProxyContract

# What a proxy does not claim to read: a vector has no positions to correlate channels over.
_WITH_POSITIONS = ("convolutional", "transformer")
_NETWORKS = dict.fromkeys(("meco", "layer_decorrelation", "act_decorrelation"), _WITH_POSITIONS)

for _name in proxies.names():
    _proxy = proxies.get(_name)
    claimed = {"networks": _NETWORKS[_name]} if _name in _NETWORKS else {}
    globals()[f"Test_{_name}"] = type(
        f"Test_{_name}", (ProxyContract,), {"proxy": _proxy} | claimed
    )
