"""Sizes on the command line: 64M, 1.5G, 4096."""

from __future__ import annotations

import re

import click

__all__ = ["SIZE", "shown_bytes", "shown_seconds"]

_FACTORS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class _Size(click.ParamType[int]):
    """A number of bytes; K, M, G and T stand for powers of 1,024."""

    name = "size"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Read 64M as 67,108,864."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", value.strip(), re.IGNORECASE)
        if found is None:
            self.fail(f"{value!r} is no size\n  accepted: bytes, as 4096, 64M or 1.5G", param, ctx)
        return int(float(found[1]) * _FACTORS[found[2].upper()])


SIZE = _Size()


def shown_bytes(size: float) -> str:
    """A size as 1.2 GB (powers of 1,000)."""
    units = iter(("bytes", "KB", "MB", "GB", "TB"))
    unit = next(units)
    while size >= 1000 and unit != "TB":
        size, unit = size / 1000, next(units)
    return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"


def shown_seconds(seconds: float) -> str:
    """A time as 3 h 20 min, 4 min 10 s or 12 s."""
    if seconds >= 3600:
        return f"{int(seconds // 3600):,} h {int(seconds % 3600 // 60)} min"
    if seconds >= 60:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
