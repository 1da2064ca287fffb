"""Raters from folders as the hub has them: small ones with random weights, loaded for real."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from small_checkpoints import save_classifier

from dataselect.errors import DataselectError
from dataselect.scorers.hf import HfRater, hf_rater, rater
from dataselect.scorers.hf.chunks import Chunk, batches_by_length, padded
from dataselect.scorers.named import scorers_of
from dataselect.testing.scorers import ScorerContract

SHORT = "The cat sat on the mat."
LONG = "the cat sat on a mat , a dog sat on the cat . " * 12


@pytest.fixture(autouse=True)
def on_the_cpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("gpu") is None:
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)


def scores(scorer: HfRater, texts: list[str | None]) -> dict[str, list[float | None]]:
    column = pa.array(texts, pa.string())
    found: dict[str, list[float | None]] = scorer.score(
        pa.RecordBatch.from_arrays([column], names=["text"])
    ).to_pydict()
    return found


def logits(folder: Path, text: str, **tokens: Any) -> np.ndarray:
    """As the library's documentation does it."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        given = tokenizer(text, return_tensors="pt", truncation=True, **tokens)
        found: np.ndarray = model(**given).logits[0].double().numpy()
    return found


def softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values - values.max())
    found: np.ndarray = powers / powers.sum()
    return found


@pytest.mark.parametrize("classes", [6, 1])
def test_the_head_of_a_prrc_rater_decides(tmp_path: Path, classes: int) -> None:
    folder = save_classifier(
        tmp_path / "meta-rater-reasoning-rating", "modernbert", limit=4096, num_labels=classes
    )
    (scorer,) = scorers_of(f"rater:hf:{folder}")
    assert isinstance(scorer, HfRater)
    assert scorer.name == "rater_meta-rater-reasoning-rating"
    assert [column.name for column in scorer.columns] == ["modernbert_reasoning"]
    found = scores(scorer, [SHORT, LONG, "", None, "  "])["modernbert_reasoning"]
    for text, value in zip((SHORT, LONG), found, strict=False):
        own = logits(folder, text, max_length=4096)
        expected = softmax(own) @ np.arange(6) if classes == 6 else own[0]
        assert value == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert found[2:] == [None, None, None]
    assert (scorer.columns[0].high == 5.0) == (classes == 6)


def test_fineweb_edu_reads_the_beginning(tmp_path: Path) -> None:
    folder = save_classifier(tmp_path / "fineweb-edu-classifier", num_labels=1, limit=32)
    scorer = hf_rater(str(folder))
    found = scores(scorer, [SHORT, LONG, LONG + SHORT])["fineweb_edu"]
    assert found[0] == pytest.approx(logits(folder, SHORT)[0], rel=1e-5)
    assert found[1] == pytest.approx(logits(folder, LONG, max_length=32)[0], rel=1e-5)
    assert found[1] == found[2]


def test_qurating_is_the_mean_over_pieces_by_their_tokens(tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = save_classifier(tmp_path / "QuRater-1.3B", "llama", num_labels=4, limit=1024)
    scorer = hf_rater(str(folder))
    text = "the cat sat on a mat . " * 100  # 700 tokens: a piece of 512, one of 188
    found = scores(scorer, [text, SHORT])
    names = ["writing_style", "required_expertise", "facts_and_trivia", "educational_value"]
    assert list(found) == [f"qurater_{name}" for name in names]
    ids = AutoTokenizer.from_pretrained(folder)(text, add_special_tokens=False)["input_ids"]
    assert len(ids) == 700
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        pieces = [model(input_ids=torch.tensor([piece])).logits[0].numpy()
                  for piece in (ids[:512], ids[512:])]  # fmt: skip
    expected = (512 * pieces[0] + 188 * pieces[1]) / 700
    assert [found[name][0] for name in found] == pytest.approx(expected.tolist(), rel=1e-4)


def test_two_classes_of_wanjuan(tmp_path: Path) -> None:
    folder = save_classifier(tmp_path / "ad_en", num_labels=2)
    found = scores(hf_rater(str(folder)), [SHORT])["ad_en"][0]
    assert found == pytest.approx(softmax(logits(folder, SHORT))[1], rel=1e-5)


@pytest.mark.parametrize(
    ("config", "columns"),
    [
        ({"num_labels": 1}, ["rater_mine_2"]),
        ({"num_labels": 2, "id2label": {0: "bad", 1: "good"}}, ["rater_mine_2"]),
        ({"num_labels": 3, "id2label": {0: "0", 1: "1", 2: "2"}}, ["rater_mine_2"]),
        (
            {"num_labels": 3, "id2label": {0: "Low", 1: "So-so", 2: "High"}},
            ["rater_mine_2_low", "rater_mine_2_so_so", "rater_mine_2_high"],
        ),
        (
            {"num_labels": 2, "problem_type": "multi_label_classification"},
            ["rater_mine_2_label_0", "rater_mine_2_label_1"],
        ),
        (
            {"num_labels": 2, "problem_type": "regression"},
            ["rater_mine_2_label_0", "rater_mine_2_label_1"],
        ),
    ],
)
def test_any_other_classifier_is_read_by_its_configuration(
    tmp_path: Path, config: dict[str, Any], columns: list[str]
) -> None:
    folder = save_classifier(tmp_path / "Mine-2", "roberta", **config)
    scorer = hf_rater(str(folder))
    assert [column.name for column in scorer.columns] == columns
    own = logits(folder, SHORT)
    found = [values[0] for values in scores(scorer, [SHORT]).values()]
    if config.get("problem_type") == "regression" or len(own) == 1:
        expected = own
    elif config.get("problem_type"):
        expected = 1 / (1 + np.exp(-own))
    elif len(own) == 2:
        expected = softmax(own)[1:]
    else:
        expected = softmax(own) if len(columns) == 3 else np.array([softmax(own) @ range(3)])
    assert found == pytest.approx(expected.tolist(), rel=1e-5)


def test_long_documents_of_others_are_averaged_over_pieces(tmp_path: Path) -> None:
    folder = save_classifier(tmp_path / "mine", num_labels=1, limit=16)
    found = scores(hf_rater(str(folder)), ["the cat sat on " * 7 + "a mat"])["rater_mine"][0]
    # 30 tokens: pieces of 14, 14 and 2 between [CLS] and [SEP].
    words = (["the", "cat", "sat", "on"] * 7) + ["a", "mat"]
    pieces = [" ".join(words[:14]), " ".join(words[14:28]), " ".join(words[28:])]
    values = [logits(folder, piece)[0] for piece in pieces]
    assert found == pytest.approx((14 * values[0] + 14 * values[1] + 2 * values[2]) / 30, rel=1e-4)


def test_the_fingerprint_is_that_of_the_weights(tmp_path: Path) -> None:
    folders = [save_classifier(tmp_path / str(k) / "mine", seed=k, num_labels=1) for k in (0, 1)]
    again = save_classifier(tmp_path / "again" / "mine", seed=0, num_labels=1)
    prints = [hf_rater(str(folder)).fingerprint for folder in [*folders, again]]
    assert prints[0] != prints[1]
    assert prints[0] == prints[2]


def test_batches_hold_pieces_of_like_length() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 100, 50)
    chunks = [Chunk(k, np.arange(n), int(n)) for k, n in enumerate(lengths)]
    batches = list(batches_by_length(chunks, 256))
    assert sorted(k for batch in batches for k in batch) == list(range(50))
    for batch in batches:
        longest = max(lengths[batch])
        assert len(batch) == 1 or len(batch) * longest <= 256
        ids, mask = padded([chunks[k] for k in batch], 7)
        assert ids.shape == mask.shape == (len(batch), longest)
        assert mask.sum(1).tolist() == lengths[batch].tolist()
        assert np.all(ids[mask == 0] == 7)
    waste = sum(len(b) * max(lengths[b]) for b in batches) / lengths.sum()
    assert waste < 1.15
    apart = list(batches_by_length(chunks, 256, apart=True))
    assert [len(batch) for batch in apart] == [1] * 50
    same = [Chunk(k // 10, np.arange(8), 8) for k in range(20)] + [Chunk(1, np.arange(3), 3)]
    assert [len(batch) for batch in batches_by_length(same, 48, apart=True)] == [6, 4, 6, 4, 1]


def test_several_devices_share_the_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from queue import Queue

    from dataselect.scorers.hf import running

    folder = save_classifier(tmp_path / "mine", num_labels=1)
    scorer = hf_rater(str(folder))
    texts: list[str | None] = [SHORT * k for k in range(1, 9)]
    alone = scores(scorer, texts)
    tokenizer, (model,) = running._models(scorer.folder, scorer.checkpoint)
    queue: Queue[Any] = Queue()
    for _ in range(3):
        queue.put(model)
    monkeypatch.setattr(running, "_models", lambda *_: (tokenizer, (model,) * 3))
    monkeypatch.setattr(running, "_free", lambda *_: queue)
    assert scores(scorer, texts) == alone
    assert queue.qsize() == 3
    padded_ = replace(
        running.loaded(scorer.folder, scorer.checkpoint, scorer.reading, 1), apart=False
    )
    monkeypatch.setattr(running, "loaded", lambda *_: padded_)  # the same but for rounding
    for one, other in zip(scores(scorer, texts)["rater_mine"], alone["rater_mine"], strict=True):
        assert one == pytest.approx(other, abs=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda_scores_are_those_of_the_cpu_but_for_bfloat16(tmp_path: Path) -> None:
    folder = save_classifier(tmp_path / "meta-rater-reasoning-rating", num_labels=6, limit=256)
    texts: list[str | None] = [SHORT * k for k in range(1, 20)]
    found = scores(hf_rater(str(folder)), texts)["modernbert_reasoning"]
    for text, value in zip(texts, found, strict=True):
        assert text is not None
        own = softmax(logits(folder, text, max_length=256)) @ np.arange(6)
        assert value == pytest.approx(own, abs=0.15)


def _edit(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    made = {
        "qurater": save_classifier(tmp_path / "QuRater-1.3B", num_labels=3),
        "masked": save_classifier(tmp_path / "masked", "masked"),
        "bare": save_classifier(tmp_path / "bare", num_labels=1),
        "headless": save_classifier(tmp_path / "headless", "encoder"),
        "wider": save_classifier(tmp_path / "wider", num_labels=2),
        "remote": save_classifier(tmp_path / "remote", num_labels=1),
        "numbers": save_classifier(tmp_path / "numbers", num_labels=2, id2label={0: "3", 1: "9"}),
    }
    (made["bare"] / "model.safetensors").rename(made["bare"] / "pytorch_model.bin")
    _edit(made["headless"], architectures=["BertForSequenceClassification"])
    _edit(made["wider"], id2label={str(k): f"L{k}" for k in range(5)})
    _edit(made["remote"], model_type="mine", auto_map={"AutoConfig": "code.Config"})
    (made["remote"] / "code.py").write_text("raise SystemExit('run')")
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder, message in (
        (made["qurater"], "has 3 outputs(?s:.)*accepted: 4"),
        (made["masked"], "BertForMaskedLM, which has no head"),
        (made["bare"], "no weights in safetensors"),
        (made["numbers"], "the numbers 3, 9"),
        (empty, "no config.json"),
        (tmp_path / "gone", "there is no folder"),
    ):
        with pytest.raises(DataselectError, match=message):
            hf_rater(str(folder))
    for name, message in (
        ("headless", "classifier.*is missing"),
        ("wider", "does not fit|cannot be loaded"),
        ("remote", "cannot be loaded(?s:.)*never run"),
    ):
        scorer = hf_rater(str(made[name]))
        with pytest.raises(DataselectError, match=message):
            scores(scorer, [SHORT])


def test_names_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DataselectError, match="names no rater"):
        rater("mine.txt")
    for name in ("", "a/b/c", "./gone", "one"):
        with pytest.raises(DataselectError, match="there is no folder"):
            hf_rater(name)


def test_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub import constants
    from huggingface_hub.errors import RepositoryNotFoundError

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(DataselectError, match="the Hugging Face hub cannot be reached") as raised:
        hf_rater("HuggingFaceFW/fineweb-edu-classifier")
    assert "--local-dir" in str(raised.value)
    assert not raised.value.bad_input

    def missing(*_: Any, **__: Any) -> None:
        raise RepositoryNotFoundError.__new__(RepositoryNotFoundError)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", missing)
    with pytest.raises(DataselectError, match="neither a folder nor a rater"):
        hf_rater("nobody/nothing")


def test_a_snapshot_of_the_hub_is_read_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    folder = save_classifier(tmp_path / "0123abcd", num_labels=1)
    asked: dict[str, Any] = {}

    def download(name: str, **options: Any) -> str:
        asked.update(options, name=name)
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    scorer = hf_rater("HuggingFaceFW/fineweb-edu-classifier")
    assert asked["name"] == "HuggingFaceFW/fineweb-edu-classifier"
    assert not any("bin" in pattern or "py" in pattern for pattern in asked["allow_patterns"])
    assert scores(scorer, [SHORT])["fineweb_edu"][0] == pytest.approx(logits(folder, SHORT)[0])


def test_a_score_that_is_no_number_is_null(tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    folder = save_classifier(tmp_path / "mine", num_labels=1)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    with torch.no_grad():
        model.classifier.bias.fill_(math.nan)
    model.save_pretrained(folder)
    assert scores(hf_rater(str(folder)), [SHORT])["rater_mine"] == [None]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> HfRater:
    name = "meta-rater-cleanliness-rating"  # reads the beginning of a long document
    folder = save_classifier(tmp_path_factory.mktemp("hf") / name, num_labels=6, limit=512)
    return hf_rater(str(folder))


class TestHfRater(ScorerContract):
    @pytest.fixture(autouse=True)
    def checkpoint(self, small: HfRater) -> None:
        type(self).scorer = small
