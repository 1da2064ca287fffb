"""Scores that are searched in both directions rank as the weights that are written do."""

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataselect.selection import aggregate
from dataselect.selection.transforms import Stats, normalise
from dataselect.selection.weights import ColumnWeight
from dataselect.weighting.columns import REVERSED, ScoreColumns
from dataselect.weighting.pool import Pool
from dataselect.weighting.proxies import TokenData, documents_of

NAMES = ("good", "bad", f"{REVERSED}good", f"{REVERSED}bad")
RAW = {
    "good": np.array([0.0, 1.0, 2.0, 4.0, np.nan, 3.0]),
    "bad": np.array([5.0, np.nan, 1.0, 0.0, 2.0, 2.0]),
}


def pool_of(missing: Literal["mean", "worst", "drop"]) -> Pool:
    columns = ScoreColumns(
        NAMES,
        {
            "good": ColumnWeight(1.0, 1, "minmax", missing, stats=Stats(0.0, 4.0, 2.0, 1.5)),
            "bad": ColumnWeight(1.0, -1, "minmax", missing, stats=Stats(0.0, 5.0, 2.0, 1.7)),
        },
        (),
    )
    rows = []
    for name in NAMES:
        column, own = columns.form(name)
        assert own.stats is not None
        assert own.orientation is not None
        rows.append(
            normalise(
                RAW[column],
                own.stats,
                transform=own.transform,
                orientation=own.orientation,
                missing=missing,
            )
        )
    data = TokenData(documents_of([[1]] * 6, 2), {}, 2)
    return Pool(data, columns, np.stack(rows), np.arange(6), 6, {}, {})


@given(
    drawn=st.lists(st.floats(0.01, 1), min_size=4, max_size=4),
    missing=st.sampled_from(["mean", "worst", "drop"]),
)
def test_the_written_weights_give_the_same_sums(
    drawn: list[float], missing: Literal["mean", "worst", "drop"]
) -> None:
    weights = np.array(drawn) / sum(drawn)
    pool = pool_of(missing)
    np.testing.assert_array_equal(pool.weighed(weights), aggregate(RAW, pool.weights(weights)))


@pytest.mark.parametrize("turned", [False, True])
def test_a_missing_score_that_counts_as_the_worst_is_never_the_best(turned: bool) -> None:
    pool = pool_of("worst")
    weights = np.array([0.0, 0.0, 1.0, 0.0] if turned else [1.0, 0.0, 0.0, 0.0])
    for found in (pool.weighed(weights), aggregate(RAW, pool.weights(weights))):
        assert found[4] == found.min()
