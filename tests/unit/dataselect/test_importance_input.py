"""Lists as arrays and files: what is read, and what each kind of bad input means."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataselect.errors import DataselectError
from dataselect.importance import (
    Approximation,
    Groups,
    Retrievals,
    accuracy,
    choose_step_size,
    from_lists,
    gradient,
    importance,
    matching_of,
    prune,
    read_groups,
    read_retrievals,
    retrievals_of_table,
    reweight,
    shapley,
)
from dataselect.importance.retrievals import _check


def write(path: Path, *records: dict) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def arrays(items: list, utility: list, n_items: int = 5, dtype: type = np.int64) -> Retrievals:
    return Retrievals(
        np.array([0, len(items)]), np.array(items, dtype=dtype), np.array(utility), n_items
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: arrays([0, 1], [1.0, np.nan]), "query 0, position 1 has the utility nan"),
        (lambda: arrays([0, 1], [np.inf, 1.0]), "query 0, position 0 has the utility inf"),
        (lambda: arrays([0, -1], [1.0, 1.0]), "query 0, position 1 has the item -1"),
        (lambda: arrays([0, 5], [1.0, 1.0]), "has the item 5, but the corpus has 5"),
        (lambda: arrays([2**40, 1], [1.0, 1.0]), "1,099,511,627,776, but the corpus has 5"),
        (lambda: arrays([0], [1.0], dtype=np.int16), "items is int16"),
        (
            lambda: Retrievals(np.array([0, 2, 1]), np.zeros(1, np.int64), np.zeros(1), 1),
            "indptr does not cut 1 positions",
        ),
        (lambda: from_lists([[0, 1]], [[1.0]]), "query 0 has 2 items and 1 utilities"),
        (lambda: from_lists([[0], [1]], [[1.0]]), "2 lists of items and 1"),
    ],
)
def test_arrays_that_are_refused(make: object, message: str) -> None:
    with pytest.raises(DataselectError, match=message):
        make()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("field", "array", "message"),
    [
        ("utility", np.array([1.0]), "2 items and 1 utilities"),
        ("answer", np.array([1]), "2 items and 1 answers"),
        ("utility", np.array([1, 0]), "utility is int64"),
        ("items", np.array([[0, 1]]), r"items is int64 of shape \[1, 2\]"),
        ("indptr", np.array([0, 2], dtype=np.int32), "indptr is int32"),
    ],
)
def test_shapes_and_types_that_are_refused(field: str, array: np.ndarray, message: str) -> None:
    # Set afterwards: the run-time checks of these tests would refuse them before.
    game = arrays([0, 1], [1.0, 0.0])
    object.__setattr__(game, field, array)
    with pytest.raises(DataselectError, match=message):
        _check(game)


def test_an_empty_list_counts_as_nothing_gained() -> None:
    with_empty = from_lists([[0, 1], []], [[1.0, 0.0], []])
    without = from_lists([[0, 1]], [[1.0, 0.0]])
    v = np.array([0.3, 0.6])
    both, one = gradient(with_empty, v, k=1), gradient(without, v, k=1)
    np.testing.assert_allclose(both.values, one.values / 2)
    assert both.objective == pytest.approx(one.objective / 2)
    assert accuracy(with_empty, k=1) == 0.5


def test_all_lists_empty_and_no_query() -> None:
    nothing = from_lists([[], []], [[], []], n_items=3)
    np.testing.assert_array_equal(gradient(nothing, np.full(3, 0.5), k=2).values, np.zeros(3))
    np.testing.assert_array_equal(shapley(nothing, k=2), np.zeros(3))
    with pytest.raises(DataselectError, match="no query of 2 has a right answer"):
        importance(nothing)
    with pytest.raises(DataselectError, match="there is no query"):
        importance(from_lists([], [], n_items=1))


def test_k_larger_than_the_list_counts_all_of_it() -> None:
    game = from_lists([[0, 1, 2]], [[1.0, -0.5, 0.25]])
    for k in (3, 10, 10**12):
        found = gradient(game, np.array([0.2, 0.9, 0.5]), k=k)
        np.testing.assert_allclose(found.values, np.array([1.0, -0.5, 0.25]) / k, rtol=1e-14)


def test_no_right_answer_at_all() -> None:
    game = from_lists([[0, 1], [1, 2]], [[0.0, 0.0], [0.0, 0.0]])
    with pytest.raises(DataselectError, match="--match casefold"):
        importance(game)


def test_items_never_retrieved_have_no_number() -> None:
    found = importance(from_lists([[0, 2]], [[1.0, 0.0]], n_items=4), k=1, epochs=2)
    np.testing.assert_array_equal(found.seen, [True, False, True, False])
    np.testing.assert_array_equal(np.isnan(found.values), ~found.seen)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g: gradient(g, np.array([0.5, 0.5]), k=0), "k is 0"),
        (lambda g: gradient(g, np.array([0.5, 1.5]), k=1), "item 1 is 1.5"),
        (lambda g: gradient(g, np.array([0.5, np.nan]), k=1), "item 1 is nan"),
        (lambda g: gradient(g, np.array([0.5]), k=1), "1 values for 2 items"),
        (lambda g: gradient(g, np.array([0.5, 0.5]), k=1, threads=0), "threads is 0"),
        (lambda g: importance(g, learning_rate=0.0), "learning_rate is 0"),
        (lambda g: importance(g, epochs=0), "epochs is 0"),
        (lambda g: importance(g, start=2.0), "start is 2"),
        (lambda g: importance(g, tolerance=-1.0), "tolerance is -1"),
        (lambda g: importance(g, groups=Groups(np.array([0]), ("a",))), "1 items have a group"),
        (lambda _: Groups(np.array([0, 2]), ("a", "b")), "group numbers run from 0 to 2"),
        (lambda _: Approximation(0.0), "epsilon is 0"),
        (lambda _: Approximation(0.1, delta=1.0), "delta is 1"),
        (lambda g: prune(g, np.array([0.1, 0.2]), k=1, shares=[1.5]), r"shares are \[1.5\]"),
        (lambda g: prune(g, np.array([0.1]), k=1), "1 scores for players up to 1"),
        (lambda g: reweight(g, np.array([0.1, 7.0]), k=1), "scores from 0.1 to 7"),
        (lambda g: choose_step_size(g, folds=3), "3 folds of 1 queries"),
        (lambda g: shapley(g, k=1, nodes=0), "nodes is 0"),
        (lambda _: matching_of("exakt"), "did you mean exact"),
        (lambda _: matching_of("json:__name__"), "is 'json'"),
    ],
)
def test_settings_that_are_refused(call: object, message: str) -> None:
    game = from_lists([[0, 1]], [[1.0, 0.0]])
    with pytest.raises(DataselectError, match=message):
        call(game)  # type: ignore[operator]


ANSWERED = {
    "correct_answers": ["Indian rupee", "INR"],
    "retrieved_websites": ["a.org", "b.org", "a.org"],
    "retrieved_answers": ["indian Rupee", "INR", "the rupee."],
}


def test_answers_are_compared_by_the_rule(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl", ANSWERED, ANSWERED | {"correct_answers": ["Rupee"]})
    for rule, expected in {
        "exact": [0, 1, 0, 0, 0, 0],
        "casefold": [1, 1, 0, 0, 0, 0],
        "squad": [1, 1, 0, 0, 0, 1],
    }.items():
        table = read_retrievals([path], match=rule)
        assert table.matching == rule
        np.testing.assert_array_equal(table.retrievals.utility, expected)
        assert table.without_right == (rule != "squad")
    assert table.names.to_pylist() == ["a.org", "b.org"]
    np.testing.assert_array_equal(table.retrievals.items, [0, 1, 0, 0, 1, 0])


def test_a_rule_of_the_users_own_sees_each_text_once(tmp_path: Path) -> None:
    seen: list[str] = []

    def first_letter(text: str) -> str:
        seen.append(text)
        return text[:1].lower()

    table = read_retrievals([write(tmp_path / "r.jsonl", *[ANSWERED] * 5)], match=first_letter)
    assert len(seen) == 5
    assert "first_letter" in str(table.matching)
    np.testing.assert_array_equal(table.retrievals.utility[:3], [1, 1, 0])


def test_plain_lists_with_names_or_numbers_of_any_size(tmp_path: Path) -> None:
    plain = {"retrieved": [2**40, 7], "utility": [0.5, 1]}
    path = write(tmp_path / "n.jsonl", plain, {"retrieved": [], "utility": []})
    table = read_retrievals([path])
    assert table.names.to_pylist() == [2**40, 7]
    assert (table.empty, table.without_right, table.matching) == (1, 1, None)
    parquet = tmp_path / "n.parquet"
    for kind in (pa.list_(pa.int32()), pa.large_list(pa.uint64()), pa.list_(pa.string())):
        ids = ["x", "y"] if kind == pa.list_(pa.string()) else [3, 9]
        rows = pa.table(
            {
                "retrieved": pa.array([[], ids, ids[:1]], kind),
                "utility": pa.array([[], [1, 0], [0]], pa.list_(pa.float32())),
            }
        )
        pq.write_table(rows.slice(1), parquet)
        table = read_retrievals([parquet])
        assert table.names.to_pylist() == ids
        np.testing.assert_array_equal(table.retrievals.indptr, [0, 2, 3])
        np.testing.assert_array_equal(retrievals_of_table(rows).retrievals.indptr, [0, 0, 2, 3])


def test_two_files_share_their_items(tmp_path: Path) -> None:
    first = write(tmp_path / "a.jsonl", {"retrieved": ["x", "y"], "utility": [1, 0]})
    second = write(tmp_path / "b.jsonl", {"retrieved": ["z", "x"], "utility": [0, 1]})
    table = read_retrievals([first, second])
    assert table.parts == ((0, 1), (1, 2))
    np.testing.assert_array_equal(table.part(1).items, [2, 0])
    assert table.part(0).n_items == 3


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([{"retrieved": [1]}], "neither 'utility' nor 'correct_answers' and 'retrieved_answers'"),
        ([{"retrieved_answers": ["x"], "correct_answers": ["x"]}], "no list of retrieved items"),
        ([ANSWERED | {"retrieved_websites": ["a.org"]}], "query 0 has 1 retrieved items and 3"),
        ([ANSWERED, ANSWERED | {"retrieved_answers": ["x", None, "y"]}], "query 1 has a null"),
        ([ANSWERED | {"retrieved_websites": None}, ANSWERED], "query 0 has no 'retrieved_web"),
        ([{"retrieved": [3, -1], "utility": [1, 0]}], "query 0 has the item -1"),
        ([{"retrieved": [3], "utility": [None]}], "query 0 has a null in 'utility'"),
        ([{"retrieved": [3], "utility": ["x"]}], "'utility' holds string"),
        ([{"retrieved": [3], "utility": [1]}, {"retrieved": ["x"], "utility": [1]}], "be read"),
        ([{"retrieved": 3, "utility": [1]}], "'retrieved' is int64"),
        ([{"retrieved": [3.5], "utility": [1]}], "'retrieved' holds double"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, records: list[dict], message: str) -> None:
    with pytest.raises(DataselectError, match=message):
        read_retrievals([write(tmp_path / "bad.jsonl", *records)])


@pytest.mark.parametrize("text", ["{", "", '{"retrieved": [1], "utility": [NaN]}', "[1]"])
def test_text_that_is_no_list_of_queries(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.jsonl").write_text(text)
    with pytest.raises(DataselectError):
        read_retrievals([tmp_path / "bad.jsonl"])
    with pytest.raises(DataselectError, match="cannot be read"):
        read_retrievals([tmp_path / "absent.jsonl"])


def test_a_nan_in_parquet(tmp_path: Path) -> None:
    rows = pa.table({"retrieved": [[1, 2]], "utility": [[1.0, float("nan")]]})
    with pytest.raises(DataselectError, match="query 0, position 1 has the utility nan"):
        retrievals_of_table(rows)


def test_groups_of_a_file(tmp_path: Path) -> None:
    names = pa.array(["a.x.org", "y.org", "b.x.org", "z.org"])
    path = write(
        tmp_path / "g.jsonl",
        {"name": "x.org", "elements": ["a.x.org", "b.x.org", "absent.org"]},
        {"name": "z", "elements": ["z.org"]},
    )
    groups = read_groups(path, names)
    assert [groups.names[g] for g in groups.of_item] == ["x.org", "y.org", "x.org", "z"]
    write(path, {"name": "x", "elements": ["a"]}, {"name": "y", "elements": ["a"]})
    with pytest.raises(DataselectError, match="'a' stands in 'x' and in 'y'"):
        read_groups(path, names)
    write(path, {"elements": ["a"]})
    with pytest.raises(DataselectError, match="no field 'name'"):
        read_groups(path, names)
