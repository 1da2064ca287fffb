"""Tables of nodes to padded arrays, and padded arrays to inputs."""

import numpy as np
import polars as pl
import pytest

from nasproxy.errors import NasproxyError
from nasproxy.parzc.dagger import Dagger, dagger_scores, sine_weights
from nasproxy.parzc.encoding import encoding_of, published_values, read_encoding
from nasproxy.parzc.node_table import node_block
from nasproxy.prediction import Features, NodeBlock

ROWS = [
    # architecture, seed, proxy, node, kind, position, width, value
    ("a", 0, "snip", "stem.weight", "Conv2d", 1, 4, 3.0),
    ("a", 1, "snip", "stem.weight", "Conv2d", 1, 4, 5.0),
    ("a", 0, "snip", "head.weight", "Linear", 7, 2, 1.0),
    ("a", 1, "snip", "head.weight", "Linear", 7, 2, 1.0),
    ("a", 0, "fisher", "head", "Linear", 5, 2, 8.0),
    ("a", 0, "params", "stem", "Conv2d", 1, 4, 2.0),
    ("a", 0, "params", "norm", "BatchNorm2d", 2, 4, 8.0),
    ("a", 0, "params", "head", "Linear", 7, 2, 1.0),
    ("b", 0, "snip", "stem.weight", "Conv2d", 1, 4, 10.0),
    ("b", 0, "snip", "body.weight", "Conv2d", 3, 8, 6.0),
    ("b", 0, "snip", "head.weight", "Linear", 9, 2, 2.0),
    ("b", 0, "fisher", "head", "Linear", 9, 2, 4.0),
    ("b", 0, "fisher", "body", "Conv2d", 3, 8, 16.0),
    ("b", 0, "params", "stem", "Conv2d", 1, 4, 2.0),
    ("b", 0, "params", "body", "Conv2d", 3, 8, 3.0),
    ("b", 0, "params", "head", "Linear", 9, 2, 1.0),
]


def table(rows: list[tuple[object, ...]] = ROWS) -> pl.DataFrame:
    names = ["architecture", "seed", "proxy", "node", "kind", "position", "width", "value"]
    return pl.DataFrame(rows, schema=names, orient="row")


def block() -> NodeBlock:
    return node_block(table(), ["b", "a"])


def test_layers_come_in_order_with_what_is_known_of_them() -> None:
    found = block()
    assert found.proxies == ("fisher", "snip")  # params belong to the spelling
    names = [[found.layers[code] for code in row if code >= 0] for row in found.layer]
    assert names == [["stem", "body", "head"], ["stem", "head"]]
    kinds = [[found.kinds[code] for code in row if code >= 0] for row in found.kind]
    assert kinds == [["Conv2d", "Conv2d", "Linear"], ["Conv2d", "Linear"]]
    np.testing.assert_array_equal(found.present, [[1, 1, 1], [1, 1, 0]])
    np.testing.assert_array_equal(found.depth, [[0, 0.5, 1], [0, 1, 0]])
    np.testing.assert_array_equal(found.width, [[4, 8, 2], [4, 2, 0]])
    np.testing.assert_array_equal(found.size, [[2, 3, 1], [2, 1, np.nan]])
    np.testing.assert_array_equal(found.values[:, :, 1], [[10, 6, 2], [4, 1, np.nan]])
    np.testing.assert_array_equal(found.values[:, :, 0], [[np.nan, 16, 4], [np.nan, 8, np.nan]])


def test_the_order_of_rows_does_not_matter() -> None:
    shuffled = node_block(table().sample(fraction=1.0, shuffle=True, seed=3), ["b", "a"])
    for name in ("values", "kind", "layer", "depth", "width", "size"):
        np.testing.assert_array_equal(getattr(shuffled, name), getattr(block(), name))


def test_what_is_missing_is_said() -> None:
    with pytest.raises(NasproxyError, match="no 'c'"):
        node_block(table(), ["a", "c"])
    with pytest.raises(NasproxyError, match=r"no proxy 'snap'[\s\S]*did you mean snip"):
        node_block(table(), ["a"], ["snap"])


def test_published_values_are_means_between_least_and_greatest() -> None:
    found = published_values(block(), ["snip", "fisher"])
    # Of snip the means are 5, 2, 2 of b and 2, 1 of a.
    np.testing.assert_allclose(found[:, :, 0], [[1, 0, 0], [1, 0, 0]])
    # Of fisher 2, 2 of b: they do not differ. Of a one layer alone.
    np.testing.assert_allclose(found[:, :, 1], 0)


def test_logarithms_are_undone_before_the_published_normalisation() -> None:
    flows = {"stem": 9.0, "body": 1.0, "head": 5.0}
    rows = [
        ("b", 0, "synflow", f"{name}.weight", "Conv2d", place, 4, float(np.log1p(flow)))
        for place, (name, flow) in enumerate(flows.items())
    ]
    found = published_values(node_block(table(rows), ["b"]), ["synflow"])
    np.testing.assert_allclose(found[0, :, 0], [1, 0, 0.5], rtol=1e-12)


def test_flows_far_beyond_a_double_keep_their_order() -> None:
    rows = [
        ("b", 0, "synflow", f"{place}", "Conv2d", place, 4, value)
        for place, value in enumerate([0.0, 1400.0, 1400.0 + np.log(2)])
    ]
    found = published_values(node_block(table(rows), ["b"]), ["synflow"])
    np.testing.assert_allclose(found[0, :, 0], [0, 0.5, 1], rtol=1e-12)


def test_published_inputs_are_padded_and_cut_to_the_training_length() -> None:
    short = encoding_of("published", block().take([1]), proxies=["snip"])
    np.testing.assert_allclose(short(block()), [[1, 0], [1, 0]])
    long = encoding_of("published", block().take([0]))
    assert long(block()).shape == (2, 3)  # snip alone of the three published proxies


def test_places_do_not_move_with_other_layers() -> None:
    encode = encoding_of("places", block())
    rows = encode(block()).reshape(2, 3, -1)  # places by name: body, head, stem
    np.testing.assert_array_equal(rows[1, 0], 0)  # a has no body
    there = -3
    np.testing.assert_array_equal(rows[:, :, there], [[1, 1, 1], [0, 1, 1]])
    # Two networks have the head, with fisher 4 and 8, so a's is one deviation above the mean and
    # the greatest; fisher of the stem is unknown.
    fisher, snip, fisher_rank = 0, 1, 2
    np.testing.assert_allclose(rows[:, 1, fisher], [-1, 1])
    np.testing.assert_allclose(rows[:, 1, fisher_rank], [-1, 1])
    np.testing.assert_allclose(rows[:, 2, fisher], 0)
    np.testing.assert_allclose(rows[:, 2, snip], [1, -1])


def test_networks_of_other_layers_are_refused() -> None:
    encode = encoding_of("places", block())
    others = table().with_columns(pl.format("other.{}", "node").alias("node"))
    with pytest.raises(NasproxyError, match="none of the networks has a layer at a place"):
        encode(node_block(others, ["a"]))


def test_more_padding_changes_nothing() -> None:
    alone = node_block(table(), ["a"])
    padded = block().take([1])
    assert alone.values.shape[1] == 2
    assert padded.values.shape[1] == 3
    for normalisation in ("published", "places", "summed"):
        encode = encoding_of(normalisation, block())
        np.testing.assert_array_equal(encode(alone), encode(padded))


def test_each_row_is_encoded_by_itself() -> None:
    for normalisation in ("published", "places", "summed"):
        encode = encoding_of(normalisation, block())
        both = encode(block())
        np.testing.assert_array_equal(encode(block().take([1, 0])), both[[1, 0]])
        assert np.isfinite(both).all()
        assert np.abs(both).max() <= 4


@pytest.mark.parametrize("normalisation", ["published", "places", "summed"])
def test_an_encoding_comes_back_from_its_state(normalisation: str) -> None:
    encode = encoding_of(normalisation, block())  # type: ignore[arg-type]
    again = read_encoding(*encode.state())
    np.testing.assert_array_equal(again(block()), encode(block()))


def test_signs_are_kept_where_a_proxy_has_both() -> None:
    rows = [
        ("a", 0, "grasp", "stem", "Conv2d", 1, 4, -3.0),
        ("b", 0, "grasp", "stem", "Conv2d", 1, 4, 3.0),
    ]
    nodes = node_block(table(rows), ["a", "b"])
    found = encoding_of("places", nodes)(nodes)
    np.testing.assert_array_equal(found[:, :3], [[0, -1, -1], [0, 1, 1]])  # log, rank, sign


def test_sine_weights_are_the_published_ones() -> None:
    found = sine_weights(64)
    assert found[0] == 0.5
    assert found.min() >= 0
    assert found.max() <= 1
    assert found[16] == pytest.approx((np.sin(1.6) + 1) / 2)


def test_dagger_weighs_layers_by_their_order() -> None:
    w = sine_weights(3)
    expected = [w @ [10, 6, 2], w[:2] @ [4, 1]]
    np.testing.assert_allclose(dagger_scores(block(), "snip"), expected)
    # The stem has no fisher: the first layer that has one gets the first weight.
    np.testing.assert_allclose(dagger_scores(block(), "fisher"), [w[:2] @ [16, 4], w[0] * 8])


def test_dagger_of_logarithms_is_the_logarithm() -> None:
    rows = [
        ("b", 0, "synflow", f"{place}", "Conv2d", place, 4, value)
        for place, value in enumerate([2.0, 3.0])
    ]
    w = sine_weights(2)
    expected = np.log(w[0] * np.exp(2) + w[1] * np.exp(3))
    np.testing.assert_allclose(dagger_scores(node_block(table(rows), ["b"]), "synflow"), expected)


def test_dagger_needs_no_accuracy() -> None:
    features = Features(("b", "a"), nodes=block())
    fitted = Dagger("snip").fit(features, np.array([0.0, 1.0]), seed=0)
    assert fitted == Dagger("snip")
    np.testing.assert_array_equal(fitted.predict(features).spread, 0)
    with pytest.raises(NasproxyError, match="no values of 'snap'"):
        Dagger("snap").predict(features)
