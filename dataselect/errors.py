"""The one exception type of dataselect."""

from zerocost.errors import ZerocostError

__all__ = ["DataselectError"]


class DataselectError(ZerocostError):
    """What went wrong in dataselect, what is accepted, and what to do next."""
