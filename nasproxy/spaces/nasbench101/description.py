"""A cell of NAS-Bench-101 in numbers: its paths, and what they are made of."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence

from nasproxy.spaces.nasbench101.graph import INNER, OUTPUT, Graph, pruned

__all__ = ["describe", "path_words"]

_LETTERS = {"conv3x3": "3", "conv1x1": "1", "maxpool3x3": "p"}
_WORDS = tuple("".join(w) for length in range(4) for w in itertools.product("13p", repeat=length))


def path_words(graph: Graph) -> tuple[str, ...]:
    """The operations on every path from the input to the output, one letter a node, sorted."""
    simple = pruned(graph)

    def walk(node: int, word: str) -> list[str]:
        if node == OUTPUT:
            return [word]
        here = word if node == 0 else word + _LETTERS[simple.ops[node - 1]]
        return [end for target in simple.targets(node) for end in walk(target, here)]

    return tuple(sorted(walk(0, "")))


def describe(graph: Graph) -> dict[str, float]:
    """The description of a cell, equal for isomorphic cells.

    ``path:W`` counts the paths that read W, for words of up to three letters (1 and 3 are
    convolutions, p pooling); ``cell:...`` sums over paths and nodes.

    Reference: White et al., BANANAS, AAAI 2021 (path encoding).
    """
    words, simple = path_words(graph), pruned(graph)
    counted = Counter(words)
    inner = [node for node in INNER if simple.sources(node)]
    found = {f"path:{word}": float(counted[word]) for word in _WORDS}
    found["cell:paths"] = float(len(words))
    found["cell:nodes"] = float(len(inner))
    found["cell:edges"] = float(len(simple.edges))
    found["cell:into_output"] = float(len(simple.sources(OUTPUT)))
    found["cell:from_input"] = float(len(simple.targets(0)))
    found["cell:input_to_output"] = float((0, OUTPUT) in simple.edges)
    for op, letter in _LETTERS.items():
        found[f"cell:nodes_{letter}"] = float(sum(simple.ops[node - 1] == op for node in inner))
    for what, letters in (("ops", "13p"), ("convs", "13"), ("1", "1"), ("3", "3"), ("p", "p")):
        found |= _extremes(f"cell:{what}", [sum(c in letters for c in word) for word in words])
    for letter in "13p":
        found[f"cell:paths_with_{letter}"] = float(sum(letter in word for word in words))
        found[f"cell:paths_from_{letter}"] = float(sum(word[:1] == letter for word in words))
        found[f"cell:paths_into_{letter}"] = float(sum(word[-1:] == letter for word in words))
    return found


def _extremes(name: str, many: Sequence[int]) -> dict[str, float]:
    return {
        f"{name}_most": float(max(many)),
        f"{name}_least": float(min(many)),
        f"{name}_mean": sum(many) / len(many),
    }
