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
    draws = 0
    while len(found) < count:
        architecture = space.sample(rng)
        found.setdefault(space.canonical(architecture), architecture)
        draws += 1
        if draws > 1000 + 50 * count:
            raise NasproxyError(
                f"only {len(found):,} different functions in {draws:,} draws from {space.name}",
                accepted=f"a sample of at most {len(found):,}",
                hint="--all scores every architecture",
            )
    return list(found.values())


def _of_benchmark(space: SearchSpace[A], name: str) -> list[A]:
    from nasproxy import benchmarks

    table = benchmarks.get(name)
    if table.space != space.name:
        raise NasproxyError(
            f"the benchmark {name!r} is of the space {table.space!r}, not {space.name!r}",
            accepted=f"--space {table.space}",
        )
    return [space.parse(text) for text in table.architectures]


def _read(space: SearchSpace[A], path: Path) -> list[A]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
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
