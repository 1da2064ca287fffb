"""The floor under nasproxy and dataselect: errors, registry, files, manifests, downloads."""

from importlib.metadata import PackageNotFoundError, version

from zerocost.errors import ZerocostError

__all__ = ["ZerocostError", "__version__"]

try:
    __version__ = version("zerocost")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"
