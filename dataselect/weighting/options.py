"""Targets, bounds and priors as they are typed on a command line."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

from dataselect.errors import DataselectError

__all__ = ["bounds_of", "prior_of", "targets_of"]


def targets_of(given: Sequence[str]) -> dict[str, float]:
    """``COLUMN`` or ``COLUMN=SHARE``: name -> share, 1 where none is given."""
    found: dict[str, float] = {}
    for text in given:
        name, _, share = text.rpartition("=")
        number = _number(share) if name else None
        if number is None:
            name, number = text, 1.0
        if name in found:
            raise DataselectError(f"the target {name!r} is given twice", accepted="each once")
        found[name] = number
    return found


def bounds_of(given: Sequence[str]) -> dict[str, tuple[float, float]]:
    """``NAME=LOW:HIGH``: name -> (low, high); an end left out is 0 or 1."""
    found: dict[str, tuple[float, float]] = {}
    for text in given:
        name, _, pair = text.rpartition("=")
        low, colon, high = pair.partition(":")
        ends = (_number(low) if low else 0.0, _number(high) if high else 1.0)
        if not name or not colon or ends[0] is None or ends[1] is None:
            raise DataselectError(
                f"the bound {text!r} is not NAME=LOW:HIGH",
                accepted="a name, and its least and greatest weight",
                hint="--bound wikipedia=0.05:0.4, or '*=0:0.3' for all others",
            )
        if name in found:
            raise DataselectError(f"{name!r} has two bounds", accepted="one")
        found[name] = (ends[0], ends[1])
    return found


def prior_of(path: Path) -> dict[str, float]:
    """The numbers of a JSON object, by name."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        prior = {str(name): float(value) for name, value in found.items()}
    except (OSError, ValueError, TypeError, AttributeError) as cause:
        raise DataselectError(
            f"{path} cannot be read as a prior: {cause}", accepted='{"NAME": 0.5, ...}'
        ) from cause
    return prior


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
