"""Architectures by class: what is isomorphic shares one accuracy and one side of a split."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from nasproxy.benchmarks.table import BenchmarkTable
from nasproxy.errors import NasproxyError
from nasproxy.spaces.space import SearchSpace

__all__ = ["Classes", "check_no_leak", "class_of", "classes_of", "function_of", "split"]


@dataclass(frozen=True, eq=False)
class Classes:
    """Classes of architectures, each with one accuracy.

    Attributes:
        architectures: the architecture that stands for each class ``[n]``, by its text.
        names: what each class is called ``[n]``: the text that its members share.
        functions: what each computes ``[n]``; of two classes with one function, at most one side
            of a split holds members.
        accuracies: target -> float64 ``[n]``, the mean over all spellings in the benchmark.
        spellings: how many spellings of each class the benchmark knows, int64 ``[n]``.
        lower_is_better: the targets of which less is better.
    """

    architectures: tuple[str, ...]
    names: tuple[str, ...]
    functions: tuple[str, ...]
    accuracies: Mapping[str, Float64[np.ndarray, " n"]]
    spellings: Int64[np.ndarray, " n"]
    lower_is_better: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.architectures)

    def sign(self, target: str) -> int:
        """What a target's values are multiplied by, so that more is better: 1 or -1."""
        return -1 if target in self.lower_is_better else 1

    def keep(self, architectures: Sequence[str]) -> Classes:
        """The classes that some architectures stand for, in that order."""
        places = {text: place for place, text in enumerate(self.architectures)}
        rows = [places[text] for text in architectures]
        return Classes(
            architectures=tuple(architectures),
            names=tuple(self.names[row] for row in rows),
            functions=tuple(self.functions[row] for row in rows),
            accuracies={target: values[rows] for target, values in self.accuracies.items()},
            spellings=self.spellings[rows],
            lower_is_better=self.lower_is_better,
        )


def class_of(space: SearchSpace[Any], architecture: Any) -> str:
    """The class of an architecture: the benchmark's own where the space has one, else its function.

    NAS-Bench-201 tells 6,466 classes apart, of 4,930 functions.
    """
    own = getattr(space, "canonical_of_benchmark", space.canonical)
    return str(own(architecture))


def function_of(space: SearchSpace[Any], text: str) -> str:
    """The function of an architecture, given by its text."""
    return str(space.canonical(space.parse(text)))


def classes_of(
    space: SearchSpace[Any],
    architectures: Sequence[str],
    benchmark: BenchmarkTable,
    targets: Sequence[str],
) -> Classes:
    """The classes of some architectures that a benchmark knows.

    Args:
        space: of the architectures and of the benchmark.
        architectures: their texts, such as those that features were measured of; the first of a
            class stands for it.
        benchmark: the true accuracies.
        targets: of the benchmark; a class that lacks one of them is left out.

    Raises:
        NasproxyError: an unknown target, or no class is known by all targets.
    """
    by_class: dict[str, list[str]] = {}
    for text in dict.fromkeys(benchmark.architectures):
        by_class.setdefault(class_of(space, space.parse(text)), []).append(text)
    stands: dict[str, str] = {}
    for text in architectures:
        stands.setdefault(class_of(space, space.parse(text)), text)
    kept: list[tuple[str, str, int]] = []
    means: list[list[float]] = []
    for name, text in stands.items():
        members = by_class.get(name, [])
        values = [_mean(benchmark.lookup(members, target)) for target in targets]
        if members and not np.isnan(values).any():
            kept.append((text, name, len(members)))
            means.append(values)
    if not kept:
        raise NasproxyError(
            f"none of the {len(stands):,} classes has a known {' and '.join(targets)}",
            accepted=f"architectures that the benchmark {benchmark.name!r} knows",
        )
    columns = np.array(means, dtype=np.float64)
    return Classes(
        architectures=tuple(text for text, _, _ in kept),
        names=tuple(name for _, name, _ in kept),
        functions=tuple(function_of(space, text) for text, _, _ in kept),
        accuracies={target: columns[:, at].copy() for at, target in enumerate(targets)},
        spellings=np.array([count for _, _, count in kept], dtype=np.int64),
        lower_is_better=frozenset(
            target for target in targets if not benchmark.quantity(target).higher_is_better
        ),
    )


def split(
    classes: Classes, train: int, *, seed: int | Sequence[int], by_function: bool = True
) -> tuple[Int64[np.ndarray, " k"], Int64[np.ndarray, " m"]]:
    """Random training classes, and the other classes, of other functions, to test on.

    Args:
        classes: what is split.
        train: how many classes train.
        seed: of the draw.
        by_function: whether a class that computes the function of a training class is left out of
            the test; otherwise every class that did not train is tested.

    Returns:
        Rows for training and rows for testing, ascending.

    Raises:
        NasproxyError: too few classes for that many and a test.
    """
    if not 2 <= train <= len(classes) - 3:
        raise NasproxyError(
            f"{train} training classes of {len(classes):,}",
            accepted=f"2 .. {len(classes) - 3:,}, so that 3 are left to test on",
            hint="features of more architectures, or a smaller --train",
        )
    drawn = np.random.default_rng(seed).permutation(len(classes))[:train]
    fitted = np.sort(drawn)
    keys = classes.functions if by_function else classes.names
    seen = {keys[row] for row in fitted}
    rest = [row for row in range(len(classes)) if keys[row] not in seen]
    return fitted.astype(np.int64), np.array(rest, dtype=np.int64)


def check_no_leak(
    space: SearchSpace[Any], training: Collection[str], testing: Collection[str]
) -> None:
    """See that no architecture to test on is isomorphic to one that was trained on.

    Args:
        space: of both.
        training: texts.
        testing: texts.

    Raises:
        NasproxyError: one is; how many are, and the first with its twin, are said.
    """
    seen: dict[str, str] = {}
    for text in training:
        seen.setdefault(function_of(space, text), text)
    leaks = [
        (text, seen[function]) for text in testing if (function := function_of(space, text)) in seen
    ]
    if leaks:
        text, twin = leaks[0]
        same = "was trained on" if text == twin else f"computes what {twin!r} does, which was"
        raise NasproxyError(
            f"{len(leaks):,} of the {len(testing):,} test architectures are isomorphic to training "
            f"ones: {text!r} {same}",
            accepted="test architectures that compute no training architecture's function",
            hint="leave them out (--drop-seen does)",
        )


def _mean(values: Float64[np.ndarray, " k"]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
