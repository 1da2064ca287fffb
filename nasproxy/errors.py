"""The one exception type of nasproxy."""

from zerocost.errors import ZerocostError

__all__ = ["NasproxyError"]


class NasproxyError(ZerocostError):
    """What went wrong in nasproxy, what is accepted, and what to do next."""
