"""Files of labels, files of raters, and fastText classifiers."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file, save_file

from dataselect.errors import DataselectError
from dataselect.scorers.named import scorers_of
from dataselect.scorers.raters import Features, Rater, load_rater, save_rater
from dataselect.scorers.raters.calibration import Calibration
from dataselect.scorers.raters.fasttext import fasttext_rater
from dataselect.scorers.raters.labels import read_labels
from dataselect.testing.scorers import ScorerContract

TEXTS = pa.RecordBatch.from_arrays(
    [pa.array(["good words", "bad\nwords", None, "", "of the"])], names=["text"]
)


def some_rater(loss: Any = "ridge", extra: tuple[float, ...] = (0.5,)) -> Rater:
    features = Features(bits=10, signals="none")
    rng = np.random.default_rng(0)
    measures = len(features.measures)
    knots = np.sort(rng.normal(size=(measures, 5)), axis=1)
    weights = rng.random((2, 1024, 2)).astype(np.float32)
    calibration = Calibration(loss, 2.0, extra)
    return Rater(
        "mine", features, weights, knots, knots, rng.normal(size=measures), calibration, 9, 0.0, 1.0
    )


def lines(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_rater_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "r.safetensors"
    rater = some_rater("ordinal", (0.1, 0.2, 0.3))
    save_rater(rater, path, training={"rows": 9}, manifest={"started": "now"})
    again = load_rater(path)
    assert again.fingerprint == rater.fingerprint
    assert again.columns == rater.columns
    assert again.score(TEXTS).equals(rater.score(TEXTS))
    described = json.loads(path.with_suffix(".json").read_text())
    assert described["training"] == {"rows": 9}
    assert described["columns"] == ["mine"]
    first = path.read_bytes()
    save_rater(rater, path, training={"rows": 9}, manifest={"started": "later"}, overwrite=True)
    assert path.read_bytes() == first, "times are no part of a rater"
    with pytest.raises(DataselectError, match="exists"):
        save_rater(rater, path)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"format": 2}, "newer version"),
        ({"features_version": 99}, "newer version"),
        ({"format": None}, "no format"),
        ({"measures": ["other"]}, "other signals"),
        ({"features": {"wings": 2}}, "lacks"),
        ({"sha256": "0"}, "not those that were written"),
    ],
)
def test_a_rater_that_cannot_be_used_says_why(
    tmp_path: Path, change: dict[str, Any], wrong: str
) -> None:
    path = tmp_path / "r.safetensors"
    save_rater(some_rater(), path)
    definition = json.loads(path.with_suffix(".json").read_text()) | change
    save_file(load_file(path), path, metadata={"zerocost_rater": json.dumps(definition)})
    with pytest.raises(DataselectError, match=wrong):
        load_rater(path)


def test_other_files_are_no_raters(tmp_path: Path) -> None:
    for content in (b"", b"text", b"\x80" * 100):
        (tmp_path / "x.safetensors").write_bytes(content)
        with pytest.raises(DataselectError, match="is no rater"):
            load_rater(tmp_path / "x.safetensors")
    save_file({"a": np.zeros(2)}, tmp_path / "y.safetensors")
    with pytest.raises(DataselectError, match="other tensors"):
        load_rater(tmp_path / "y.safetensors")
    with pytest.raises(DataselectError, match="cannot be read"):
        scorers_of(f"rater:{tmp_path}/none.safetensors")
    with pytest.raises(DataselectError, match="without a name"):
        scorers_of("rater:")
    with pytest.raises(DataselectError, match=r"ends with \.safetensors"):
        save_rater(some_rater(), tmp_path / "r.pt")


def test_labels_of_json_lines_and_parquet_are_the_same(tmp_path: Path) -> None:
    rows = [{"text": f"t{k}", "label": str(k % 2), "more": 1} for k in range(5)]
    plain = read_labels(lines(tmp_path / "a.jsonl", rows))
    assert plain.target.tolist() == [0, 1, 0, 1, 0]
    packed = tmp_path / "a.jsonl.gz"
    packed.write_bytes(gzip.compress((tmp_path / "a.jsonl").read_bytes()))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    for path in (packed, tmp_path / "a.parquet"):
        other = read_labels(path)
        assert other.texts.equals(plain.texts)
        assert np.array_equal(other.target, plain.target)


def test_pairs_as_two_columns_or_a_list(tmp_path: Path) -> None:
    rows = [{"a": "x", "b": "y", "texts": ["x", "y"], "p": 0.25}]
    path = lines(tmp_path / "a.jsonl", rows)
    for text in (("a", "b"), ("texts",)):
        found = read_labels(path, text=text, label_column="p")
        assert found.second is not None
        assert found.texts.to_pylist() == ["x", "y"]
        assert (found.first[0], found.second[0], found.target[0]) == (0, 1, 0.25)


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        ("", "holds no labels"),
        ('{"text": "a", "label": NaN}', "no JSON"),
        ('{"text": "a", "label": null}', "label is None"),
        ('{"text": "a", "label": "good"}', "label is 'good'"),
        ('{"text": "a", "label": "nan"}', "label is 'nan'"),
        ('{"text": null, "label": 1}', "text hold"),
        ('{"txt": "a", "label": 1}', "no column 'text'"),
        ('{"text": "a", "labels": 1}', "no column 'label'"),
        ("[1, 2]", "no JSON object"),
        ("{", "no JSON"),
        ('{"text": ["a", "b"], "label": 1}\n{"text": "a", "label": 1}', "rows before have 2"),
    ],
)
def test_labels_that_are_wrong_are_shown_with_their_row(
    tmp_path: Path, content: str, wrong: str
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(content)
    with pytest.raises(DataselectError, match=wrong):
        read_labels(path)


def test_a_label_that_is_nan_in_parquet(tmp_path: Path) -> None:
    table = pa.table({"text": ["a", "b"], "label": [1.0, float("nan")]})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataselectError, match="row 2: label is nan"):
        read_labels(tmp_path / "a.parquet")
    with pytest.raises(DataselectError, match=r"no column 'text2'.*\n.*text, label"):
        read_labels(tmp_path / "a.parquet", text=("text2",))
    (tmp_path / "b.parquet").write_bytes(b"no parquet")
    with pytest.raises(DataselectError, match="no Parquet"):
        read_labels(tmp_path / "b.parquet")
    with pytest.raises(DataselectError, match="no file of labels"):
        read_labels(tmp_path / "a.csv")
    with pytest.raises(DataselectError, match="cannot be read"):
        read_labels(tmp_path / "none.jsonl")


def write_fasttext(
    path: Path, words: dict[str, float], *, supervised: bool = True, version: int = 12
) -> Path:
    """A fastText model as fastText 0.9 saves it: one dimension, softmax over two labels.

    A word's row of the input matrix is its value; labels' rows of the output are +1 and -1. So
    P(good) = σ(2 mean value of the known words).
    """
    labels = ("__label__good", "__label__bad")
    dimension, loss_softmax, buckets = 1, 3, 0
    model = 3 if supervised else 2
    out = struct.pack("<ii", 793712314, version)
    out += struct.pack(
        "<12id", dimension, 5, 5, 1, 5, 1, loss_softmax, model, buckets, 0, 0, 100, 1e-4
    )
    entries = [*((word, 0) for word in words), *((label, 1) for label in labels)]
    out += struct.pack("<iiiqq", len(entries), len(words), len(labels), 100, -1)
    for name, kind in entries:
        out += name.encode() + b"\0" + struct.pack("<qb", 10, kind)
    values = list(words.values())
    out += struct.pack("<?qq", False, len(values), dimension)
    out += struct.pack(f"<{len(values)}f", *values)
    out += struct.pack("<?qq", False, 2, dimension) + struct.pack("<2f", 1.0, -1.0)
    path.write_bytes(out)
    return path


@pytest.fixture(name="model")
def _model(tmp_path: Path) -> Path:
    return write_fasttext(tmp_path / "my model.bin", {"good": 1.5, "bad": -2.0, "words": 0.0})


def test_a_fasttext_classifier_gives_its_probabilities(model: Path) -> None:
    (rater,) = scorers_of(f"rater:{model}")
    assert rater.name == "rater_my_model"
    assert [column.name for column in rater.columns] == ["my_model_good", "my_model_bad"]
    good, bad = (rater.score(TEXTS).column(k).to_pylist() for k in range(2))
    expected = [1 / (1 + np.exp(-2 * mean)) for mean in (0.75, -1.0)]
    assert good[:2] == pytest.approx(expected, abs=1e-4), "lines are joined by a space"
    assert bad[:2] == pytest.approx([1 - each for each in expected], abs=1e-4)
    assert good[2:] == [None, None, None], "null, empty, no word known"
    (one,) = scorers_of(f"rater:{model}#bad")
    assert one.score(TEXTS).column(0).to_pylist() == bad


class TestFastText(ScorerContract):
    @pytest.fixture(autouse=True)
    def _of_a_file(self, model: Path) -> None:
        self.scorer = fasttext_rater(model)  # type: ignore[assignment, misc]


def test_fasttext_files_that_cannot_classify(tmp_path: Path, model: Path) -> None:
    with pytest.raises(DataselectError, match="has no label 'ugly'"):
        fasttext_rater(model, "ugly")
    with pytest.raises(DataselectError, match="word vectors"):
        fasttext_rater(write_fasttext(tmp_path / "v.bin", {"a": 1.0}, supervised=False))
    with pytest.raises(DataselectError, match="newer version 13"):
        fasttext_rater(write_fasttext(tmp_path / "n.bin", {"a": 1.0}, version=13))
    (tmp_path / "x.bin").write_bytes(b"something else")
    with pytest.raises(DataselectError, match="no fastText model"):
        fasttext_rater(tmp_path / "x.bin")
    (tmp_path / "cut.bin").write_bytes(model.read_bytes()[:110])
    with pytest.raises(DataselectError, match="ends too early"):
        fasttext_rater(tmp_path / "cut.bin")
    with pytest.raises(DataselectError, match="cannot be read"):
        fasttext_rater(tmp_path / "none.bin")
