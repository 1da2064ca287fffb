"""A table against a dictionary."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nasproxy.benchmarks import BenchmarkTable

VALUES = st.dictionaries(
    st.text(max_size=5), st.floats(0, 100) | st.just(float("nan")), min_size=1, max_size=30
)


def _table(known: dict[str, float]) -> BenchmarkTable:
    return BenchmarkTable("t", "s", tuple(known), {"t": np.array(list(known.values()))}, "r")


@given(VALUES, st.lists(st.text(max_size=5), max_size=30))
def test_lookup_is_that_of_a_dictionary(known: dict[str, float], strangers: list[str]) -> None:
    asked = [*strangers, *reversed(known)]
    expected = np.array([known.get(text, np.nan) for text in asked], dtype=np.float64)
    assert np.array_equal(_table(known).lookup(asked, "t"), expected, equal_nan=True)


@given(VALUES.filter(lambda known: not all(map(math.isnan, known.values()))))
def test_best_is_the_largest_known_value(known: dict[str, float]) -> None:
    text, value = _table(known).best("t")
    assert value == max(v for v in known.values() if not math.isnan(v))
    assert known[text] == value
