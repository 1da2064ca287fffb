"""Limits as they are typed: 15.7M parameters, 60M multiply-accumulates, pixel3=8ms."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nasproxy.errors import NasproxyError

__all__ = [
    "LATENCY",
    "Limit",
    "costs_as_json",
    "costs_of_json",
    "exceeded",
    "excess",
    "finite_or_nan",
    "latency_limit",
    "most_of",
    "size_limit",
]

LATENCY = "latency:"
"""What the name of a latency begins with, before its device: ``latency:pixel3``."""

_SCALES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9, "t": 1e12}
_TIMES = {"": 1.0, "ms": 1.0, "s": 1e3, "us": 1e-3, "µs": 1e-3}


@dataclass(frozen=True)
class Limit:
    """The highest value allowed of a cost.

    Attributes:
        cost: "params", "flops" or "latency:DEVICE".
        most: a count, or milliseconds.
    """

    cost: str
    most: float


def size_limit(cost: str, text: str) -> Limit:
    """A count with an optional k, M, G or T behind it: ``15.7M``.

    Raises:
        NasproxyError: it is no positive number.
    """
    most = _number(text, _SCALES)
    if most is None:
        raise NasproxyError(
            f"--max-{cost} {text!r} is no positive number",
            accepted="a number with an optional k, M, G or T",
            hint=f"--max-{cost} 15.7M",
        )
    return Limit(cost, most)


def latency_limit(text: str) -> Limit:
    """A device and its milliseconds: ``pixel3=8`` or ``this=5ms``.

    Raises:
        NasproxyError: there is no device, or no positive number behind it.
    """
    device, equals, value = text.partition("=")
    most = _number(value, _TIMES) if equals and device.strip() else None
    if most is None:
        raise NasproxyError(
            f"--max-latency {text!r} is no device with a time",
            accepted="DEVICE=MS, a device of hw-nasbench201, or this machine",
            hint="--max-latency pixel3=8 or --max-latency this=5ms",
        )
    return Limit(f"{LATENCY}{device.strip()}", most)


def most_of(limits: Sequence[Limit]) -> dict[str, float]:
    """The highest value allowed, by cost.

    Raises:
        NasproxyError: two limits of one cost.
    """
    most = {limit.cost: limit.most for limit in limits}
    if len(most) < len(limits):
        named = [limit.cost for limit in limits]
        twice = next(cost for cost in named if named.count(cost) > 1)
        raise NasproxyError(f"two limits of {twice}", accepted="one limit a cost: the lower one")
    return most


def finite_or_nan(costs: Mapping[str, float]) -> dict[str, float]:
    """Costs, NaN for what is not a finite number: it is not known."""
    return {name: cost if math.isfinite(cost) else math.nan for name, cost in costs.items()}


def costs_as_json(costs: Mapping[str, float]) -> dict[str, float | None]:
    """Costs with null for one that is not known; JSON holds no NaN."""
    return {name: cost if math.isfinite(cost) else None for name, cost in costs.items()}


def costs_of_json(costs: Mapping[str, float | None]) -> dict[str, float]:
    """The costs that ``costs_as_json`` made plain."""
    return {name: math.nan if cost is None else cost for name, cost in costs.items()}


def exceeded(limits: Sequence[Limit], costs: Mapping[str, float]) -> str:
    """The first limit that costs are above, in words; "" where they are within all.

    A cost that is not known (NaN) is above every limit.
    """
    for limit in limits:
        value = costs[limit.cost]
        if math.isnan(value):
            return f"{limit.cost} not known, or not finite"
        if not value <= limit.most:
            return f"{limit.cost} of {value:.6g} above {limit.most:.6g}"
    return ""


def excess(limits: Sequence[Limit], costs: Mapping[str, float]) -> float:
    """The largest ratio of a cost to its limit; of costs that are not known, the largest number."""
    ratios = [costs[limit.cost] / limit.most for limit in limits]
    return max((r if math.isfinite(r) else sys.float_info.max for r in ratios), default=0.0)


def _number(text: str, units: Mapping[str, float]) -> float | None:
    # A comma parts thousands; in 1,5M it would be a decimal point, and the limit ten times as high.
    number = r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?|[0-9][0-9_.e+-]*"
    match = re.fullmatch(rf"\s*({number})\s*([a-zµ]*)\s*", text, re.IGNORECASE)
    if match is None or match[2].lower() not in units:
        return None
    try:
        value = float(match[1].replace(",", "")) * units[match[2].lower()]
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None
