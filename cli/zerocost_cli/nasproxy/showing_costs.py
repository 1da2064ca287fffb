"""Costs as a table shows them."""

from __future__ import annotations

__all__ = ["cost_heading", "plain_cost"]


def cost_heading(cost: str) -> str:
    """The head of a cost's column: a latency's device and unit."""
    return f"{cost.removeprefix('latency:')} (ms)" if cost.startswith("latency:") else cost


def plain_cost(cost: float) -> float | int:
    """A count without a decimal point."""
    return int(cost) if cost.is_integer() else cost
