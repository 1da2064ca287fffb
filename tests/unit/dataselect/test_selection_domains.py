"""Documents by domain, with bounded memory."""

from collections import Counter

import numpy as np
import pyarrow as pa

from dataselect.selection.domains import DomainCounts


def test_counts_are_exact_while_there_are_few() -> None:
    rng = np.random.default_rng(0)
    counts, expected = DomainCounts(), {name: Counter[str]() for name in ("all", "own", "tokens")}
    for size in (40, 0, 25):
        names = [[None, "a", "b", "c"][k] for k in rng.integers(0, 4, size)]
        own, tokens = rng.random(size) < 0.4, rng.integers(0, 9, size)
        counts.add(pa.chunked_array([pa.array(names, pa.string())]), own, tokens)
        for name, chosen, cost in zip(names, own.tolist(), tokens.tolist(), strict=True):
            expected["all"][name] += 1  # type: ignore[index]
            expected["own"][name] += chosen  # type: ignore[index]
            expected["tokens"][name] += cost * chosen  # type: ignore[index]
    found = {name: (c.documents, c.selected, c.tokens) for name, c in counts.of.items()}
    assert found == {name: tuple(e[name] for e in expected.values()) for name in expected["all"]}
    assert not counts.others.documents


def test_further_domains_count_together() -> None:
    counts = DomainCounts(most=3)
    for names in (["a", "b", "a"], ["c", "d", "e", "d", "a"], ["f", "b"]):
        counts.add(
            pa.chunked_array([names]), np.ones(len(names), dtype=bool), np.arange(len(names))
        )
    assert {name: c.documents for name, c in counts.of.items()} == {"a": 3, "b": 2, "c": 1}
    others = counts.others
    assert (others.documents, others.selected, others.tokens) == (4, 4, 1 + 2 + 3 + 0)
