"""Every built-in proxy keeps the contract that third parties inherit."""

from nasproxy import proxies
from nasproxy.testing.proxies import ProxyContract

for _name in proxies.names():
    _proxy = proxies.get(_name)
    globals()[f"Test_{_name}"] = type(f"Test_{_name}", (ProxyContract,), {"proxy": _proxy})
