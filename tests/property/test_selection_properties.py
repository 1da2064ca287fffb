"""What selection promises for all inputs, against brute force."""

import math
from fractions import Fraction

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dataselect.selection.budget import Quotas, shares_of
from dataselect.selection.cut import Ranked, Taker, find_cut
from dataselect.selection.keys import keys_of, scores_of
from dataselect.selection.sketch import QuantileSketch, merge_sketches, sketch_of
from dataselect.selection.summary import merge_summaries, summarise
from dataselect.selection.transforms import TRANSFORMS, Stats, normalise
from dataselect.selection.words import ngram_hashes, normalised_words

FINITE = st.floats(-1e100, 1e100)
# Few values, so that ties are common.
SCORES = arrays(
    np.float64,
    st.integers(0, 60),
    elements=st.one_of(st.sampled_from([-1.5, -0.0, 0.0, 2.0, 1e-300, math.inf]), FINITE),
)


@settings(deadline=None, max_examples=50)
@given(SCORES)
def test_keys_have_the_order_of_the_scores_and_give_them_back(scores: np.ndarray) -> None:
    keys = keys_of(scores)
    assert ((scores[:, None] < scores) == (keys[:, None] < keys)).all()
    assert ((scores[:, None] == scores) == (keys[:, None] == keys)).all()
    assert (scores_of(keys) == scores).all()


@st.composite
def candidates(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    scores = draw(SCORES)
    n = len(scores)
    groups = draw(st.integers(1, 3))
    cost = draw(arrays(np.int64, n, elements=st.integers(0, 5)))
    group = draw(arrays(np.int64, n, elements=st.integers(-1, groups - 1)))
    budgets = draw(arrays(np.int64, groups, elements=st.integers(0, 120)))
    return scores, cost, group, budgets


def sorted_selection(
    scores: np.ndarray, cost: np.ndarray, group: np.ndarray, budgets: np.ndarray
) -> np.ndarray:
    """The definition: sort, then take the longest beginning within the budget."""
    taken = np.zeros(len(scores), dtype=bool)
    for g, budget in enumerate(budgets.tolist()):
        left = budget
        for i in sorted(np.flatnonzero(group == g).tolist(), key=lambda i: (-scores[i], i)):
            if cost[i] > left:
                break
            left -= cost[i]
            taken[i] = True
    return taken


@settings(deadline=None, max_examples=50)
@given(candidates(), st.integers(1, 20))
def test_the_cut_is_that_of_a_full_sort(
    drawn: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray], size: int
) -> None:
    scores, cost, group, budgets = drawn
    keys = keys_of(scores)
    parts = [
        Ranked(keys[i : i + size], cost[i : i + size], group[i : i + size])
        for i in range(0, len(keys), size)
    ]
    taker = Taker(find_cut(lambda: parts, budgets))
    found = np.concatenate([np.zeros(0, bool), *(taker.take(part) for part in parts)])
    assert (found == sorted_selection(scores, cost, group, budgets)).all()


def exact_rank(values: np.ndarray, x: float) -> tuple[int, int]:
    return int((values < x).sum()), int((values <= x).sum())


@settings(deadline=None, max_examples=50)
@given(
    st.lists(arrays(np.float64, st.integers(0, 100), elements=FINITE), min_size=1, max_size=6),
    st.integers(2, 16),
)
def test_a_sketch_is_as_wrong_as_it_says_at_the_most(parts: list[np.ndarray], buffer: int) -> None:
    sketch = sketch_of(parts[0], buffer=buffer)
    for part in parts[1:]:
        sketch = merge_sketches(sketch, sketch_of(part, buffer=buffer))
    values = np.concatenate(parts)
    assert sketch.count == len(values)
    kept, weights = sketch.weighted()
    assert weights.sum() == len(values)
    assert np.isin(kept, values).all()
    for x in values[:20].tolist():
        assert abs(weights[kept <= x].sum() - (values <= x).sum()) <= sketch.rank_error
    if len(values):
        bound = len(values) * math.log2(max(2, 2 * len(values) / buffer)) / (2 * buffer)
        assert sketch.rank_error <= bound + 1


@settings(deadline=None, max_examples=50)
@given(arrays(np.float64, st.integers(1, 50), elements=FINITE))
def test_quantiles_of_few_values_are_exact(values: np.ndarray) -> None:
    sketch = sketch_of(values)
    assert sketch.rank_error == 0
    p = np.linspace(0, 1, 13)
    expected = np.sort(values)[np.maximum(np.ceil(p * len(values) - 1e-9).astype(int) - 1, 0)]
    assert (sketch.quantiles(p) == expected).all()


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        arrays(
            np.float64,
            st.integers(0, 40),
            elements=st.one_of(st.sampled_from([math.nan, math.inf, 0.0]), st.floats(-1e6, 1e6)),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_merged_summaries_are_the_summary_of_all(parts: list[np.ndarray]) -> None:
    merged = summarise(parts[0])
    for part in parts[1:]:
        merged = merge_summaries(merged, summarise(part))
    whole = summarise(np.concatenate(parts))
    for name in ("count", "missing", "infinite", "low", "high"):
        assert getattr(merged, name) == getattr(whole, name)
    assert math.isclose(merged.mean, whole.mean, rel_tol=1e-9, abs_tol=1e-6)
    assert math.isclose(merged.squares, whole.squares, rel_tol=1e-9, abs_tol=1e-3)


@settings(deadline=None, max_examples=50)
@given(
    arrays(np.float64, st.integers(1, 60), elements=FINITE),
    st.sampled_from(TRANSFORMS),
    st.sampled_from([-1, 1]),
)
def test_a_transform_keeps_the_order_and_its_range(
    values: np.ndarray, transform: str, orientation: int
) -> None:
    stats = Stats.of(summarise(values))
    found = normalise(values, stats, transform=transform, orientation=orientation)
    low, high = (-3, 3) if transform == "zscore" else (0, 1)
    assert ((found >= low) & (found <= high)).all()
    order = np.argsort(orientation * values, kind="stable")
    assert (np.diff(found[order]) >= -1e-9).all()
    turned = normalise(values, stats, transform=transform, orientation=-orientation)
    if stats.high > stats.low:
        assert np.allclose(found + turned, low + high)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**12), st.lists(st.fractions(0, 1), max_size=5))
def test_quotas_share_the_budget_without_remainder(units: int, shares: list[Fraction]) -> None:
    total = sum(shares, Fraction(0))
    if total > 1:
        shares = [share / total for share in shares]
    quotas = Quotas("domain", {str(i): share for i, share in enumerate(shares)})
    found = shares_of(units, quotas).tolist()
    assert sum(found) == units
    wanted = [share * units for share in shares]
    assert all(abs(have - want) < 1 for have, want in zip(found, wanted, strict=False))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=5), st.integers(1, 4), st.booleans())
def test_runs_of_words_have_equal_hashes_only_where_they_are_equal(
    texts: list[str], n: int, short: bool
) -> None:
    texts = [t.encode(errors="ignore").decode() for t in texts]
    found = ngram_hashes(pa.array(texts), n, short=short)
    runs: list[tuple[str, ...]] = []
    counts = []
    for text in texts:
        words = normalised_words(text)
        own = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
        own = own or ([tuple(words)] if short and words else [])
        counts.append(len(own))
        runs += own
    assert np.diff(found.offsets).tolist() == counts
    by_run: dict[tuple[str, ...], int] = {}
    for run, value in zip(runs, found.hashes.tolist(), strict=True):
        assert by_run.setdefault(run, value) == value
    assert len(set(by_run.values())) == len(by_run)


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=200))
def test_normalised_words_hold_no_space_and_no_upper_case(text: str) -> None:
    for word in normalised_words(text):
        assert word
        assert not any(c.isspace() for c in word)
        assert word == "".join(c.lower()[0] for c in word)


def test_a_sketch_of_many_values_merged_in_a_tree() -> None:
    values = np.random.default_rng(0).lognormal(size=300_000)
    parts = [sketch_of(part, buffer=512) for part in np.array_split(values, 37)]
    left: QuantileSketch = parts[0]
    for part in parts[1:]:
        left = merge_sketches(left, part)
    while len(parts) > 1:
        parts = [
            merge_sketches(*parts[i : i + 2]) if i + 1 < len(parts) else parts[i]
            for i in range(0, len(parts), 2)
        ]
    for sketch in (left, parts[0]):
        p = np.linspace(0, 1, 101)
        ranks = (np.sort(values)[:, None] <= sketch.quantiles(p)).sum(axis=0)
        assert abs(ranks - p * len(values)).max() <= sketch.rank_error + 1
        assert sketch.rank_error < 0.01 * len(values)
