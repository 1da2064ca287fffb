"""The description of a cell is of the function: it survives every rewriting that keeps it."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from nasproxy.spaces.nasbench201 import Cell, NASBench201
from nasproxy.spaces.nasbench201.canonical import function_text
from nasproxy.spaces.nasbench201.description import describe, path_words

SPACE = NASBench201()
codes = st.tuples(*[st.integers(0, 4)] * 6)


@given(codes)
def test_simplifying_changes_nothing(ops: tuple[int, ...]) -> None:
    cell = Cell(ops)
    assert describe(SPACE.simplified(cell)) == describe(cell)


@given(codes)
def test_inner_nodes_can_change_places(ops: tuple[int, ...]) -> None:
    a, b, _, d, e, f = ops  # 0>1, 0>2, 1>2 is none, 0>3, 1>3, 2>3
    assert describe(Cell((a, b, 0, d, e, f))) == describe(Cell((b, a, 0, d, f, e)))


def test_one_description_a_function() -> None:
    """On a sixteenth of the space: what has one text of its function has one description."""
    found: dict[str, set[tuple[float, ...]]] = defaultdict(set)
    for cell in SPACE.architectures()[::16]:
        found[function_text(cell)].add(tuple(describe(cell).values()))
    assert all(len(descriptions) == 1 for descriptions in found.values())
    assert len(set.union(*found.values())) > 0.9 * len(found), "it tells most functions apart"


@given(codes)
def test_paths_by_walking(ops: tuple[int, ...]) -> None:
    """Against a walk that knows nothing of the four routes."""
    cell = Cell(ops)
    letters = {"nor_conv_1x1": "1", "nor_conv_3x3": "3", "avg_pool_3x3": "p", "skip_connect": ""}

    def walk(node: int, word: str) -> list[str]:
        if node == 3:
            return [word]
        return [
            end
            for target in range(node + 1, 4)
            if (op := SPACE.encode(cell)[f"{node}>{target}"]) != "none"
            for end in walk(target, word + letters[op])
        ]

    words = walk(0, "")
    assert sorted(words) == sorted(path_words(cell))
    found = describe(cell)
    assert sum(v for name, v in found.items() if name.startswith("path:")) == len(words)
    assert found["cell:convs_total"] == sum(len(w.replace("p", "")) for w in words)
    assert found["cell:ops_most"] == max(map(len, words), default=-1)
