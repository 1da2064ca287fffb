"""Which architectures of a space to score: all, a random sample, or a list."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import TypeVar

import numpy as np

from nasproxy.errors import NasproxyError
from nasproxy.spaces.space import SearchSpace

__all__ = ["choose"]

A = TypeVar("A", bound=Hashable)

_BENCHMARK = "benchmark:"
_SUSPICIOUS, _HOPELESS = 200, 1_000_000  # draws in a row without a new function
_LISTABLE = 1_000_000


def choose(
    space: SearchSpace[A],
    *,
    every: bool = False,
    sample: int | None = None,
    listed: str | None = None,
    seed: int = 0,
) -> list[A]:
    """Architectures to score; exactly one of the three ways.

    Args:
        space: the space.
        every: all its architectures, in its order.
        sample: so many random architectures, no two of the same function.
        listed: a file with one architecture a line, or ``benchmark:NAME`` for those of a table.
        seed: of the sample.

    Raises:
        NasproxyError: none or several ways, a malformed line (with its number), a sample below 1
            or larger than the space has functions, or a benchmark of another space.
    """
    if (every, sample is not None, listed is not None).count(True) != 1:
        raise NasproxyError(
            "it is not clear which architectures to score",
            accepted="exactly one of --all, --sample N, --archs FILE or --archs benchmark:NAME",
        )
    if every:
        return list(space.architectures())
    if sample is not None:
        return _sampled(space, sample, seed)
    assert listed is not None
    if listed.startswith(_BENCHMARK):
        return _of_benchmark(space, listed.removeprefix(_BENCHMARK))
    return _read(space, Path(listed))


def _sampled(space: SearchSpace[A], count: int, seed: int) -> list[A]:
    if count < 1:
        raise NasproxyError(f"a sample of {count}", accepted="1 or more")
    rng = np.random.default_rng(seed)
    found: dict[str, A] = {}
    in_vain = 0
    while len(found) < count:
        architecture = space.sample(rng)
        known = len(found)
        found.setdefault(space.canonical(architecture), architecture)
        in_vain = 0 if len(found) > known else in_vain + 1
        if in_vain == _SUSPICIOUS and space.size is not None and space.size <= _LISTABLE:
            there = len({space.canonical(a) for a in space.architectures()})
            if count > there:
                raise _too_many(space, count, there)
        if in_vain == _HOPELESS:
            raise _too_many(space, count, len(found))
    return list(found.values())


def _too_many(space: SearchSpace[A], count: int, there: int) -> NasproxyError:
    return NasproxyError(
        f"a sample of {count:,} is more than the {there:,} different functions of {space.name}",
        accepted=f"1 to {there:,}",
        hint="--all scores every architecture, those that compute the same function too",
    )


def _of_benchmark(space: SearchSpace[A], name: str) -> list[A]:
    from nasproxy import benchmarks
    from nasproxy.scoring.correlation import check_same_space

    table = benchmarks.get(name)
    check_same_space(space.name, table)
    return [space.parse(text) for text in table.architectures]


def _read(space: SearchSpace[A], path: Path) -> list[A]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as cause:
        raise NasproxyError(
            f"{path} cannot be read: {cause}",
            accepted="a text file with one architecture a line, or benchmark:NAME",
        ) from cause
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            found.append(space.parse(line.strip()))
        except NasproxyError as error:
            raise NasproxyError(
                f"{path}, line {number}: {error.wrong}", accepted=error.accepted, hint=error.hint
            ) from error
    if not found:
        raise NasproxyError(f"{path} holds no architecture", accepted="one a line")
    return found
