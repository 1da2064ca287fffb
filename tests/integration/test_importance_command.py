"""dataselect importance, as a user runs it, and the example script."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'cli'}"}


def dataselect(*arguments: object) -> subprocess.CompletedProcess[str]:
    program = "from zerocost_cli.dataselect.main import run; run()"
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT,
    )


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path / "lists.jsonl"
    with path.open("w") as stream:
        for query in range(80):
            sites = [int(i) for i in rng.choice(12, size=9)]
            answers = [
                "right" if rng.random() < (0.8 if s < 6 else 0.2) else "wrong" for s in sites
            ]
            record = {
                "question": f"q{query}",
                "correct_answers": ["Right"],
                "retrieved_websites": [f"{s}.org" for s in sites],
                "retrieved_answers": answers,
            }
            stream.write(json.dumps(record) + "\n")
    return path


def test_a_run_from_file_to_table(lists: Path, tmp_path: Path) -> None:
    out = tmp_path / "importance.parquet"
    options = ("--match", "casefold", "--k", 3, "--prune", "--test-share", 0.5, "--out", out)
    done = dataselect("importance", lists, *options, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["matching"] == "casefold"
    assert result["measure"] == "majority vote"
    assert result["test"]["queries"] == 40
    assert result["test"]["pruned"] > result["test"]["before"]
    table = pq.read_table(out)
    assert table.column_names == ["item", "importance", "retrieved", "seen", "kept"]
    assert json.loads(table.schema.metadata[b"dataselect"])["learning_rate"] > 0
    rows = table.to_pylist()
    good = [row["importance"] for row in rows if int(row["item"].split(".")[0]) < 6]
    bad = [row["importance"] for row in rows if int(row["item"].split(".")[0]) >= 6]
    assert np.mean(good) > np.mean(bad) + 0.3
    assert [row["importance"] for row in rows] == sorted(good + bad, reverse=True)
    manifest = json.loads((tmp_path / "importance.parquet.manifest.json").read_text())
    assert manifest["configuration"]["match"] == "casefold"
    assert manifest["counts"]["taken"] == 80
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "importance.parquet",
        "importance.parquet.manifest.json",
        "lists.jsonl",
    ]
    first = out.read_bytes()
    refused = dataselect("importance", lists, *options)
    assert refused.returncode == 2
    assert "exists" in refused.stderr
    assert "Traceback" not in refused.stderr
    again = dataselect("importance", lists, *options, "--overwrite", "--threads", 1)
    assert again.returncode == 0, again.stderr
    assert out.read_bytes() == first
    assert "majority vote" in again.stdout


def test_an_interrupted_run_goes_on_and_ends_with_the_same_bytes(
    lists: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataselect.importance import ascent, run

    settings = run.Settings(k=3, match="casefold", epochs=10, prune=True)
    whole = tmp_path / "whole.parquet"
    run.run_importance(lists, whole, settings)
    tried: list[float] = []
    choose = run.choose_step_size

    def fall_in_search(*arguments: object, on_rate: object, **options: object) -> object:
        def report(rate: float, right: float) -> None:
            on_rate(rate, right)  # type: ignore[operator]
            tried.append(rate)
            if len(tried) == 3:
                raise KeyboardInterrupt

        return choose(*arguments, on_rate=report, **options)  # type: ignore[arg-type]

    def fall_in_ascent(done: int, _objective: float) -> None:
        if done == 5:
            raise KeyboardInterrupt

    out = tmp_path / "parts.parquet"
    monkeypatch.setattr(run, "choose_step_size", fall_in_search)
    with pytest.raises(KeyboardInterrupt):
        run.run_importance(lists, out, settings)
    original = ascent.write_checkpoint
    saved: list[int] = []

    def remember(*arguments: object) -> None:
        saved.append(1)
        original(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(ascent, "write_checkpoint", remember)
    monkeypatch.setattr(run, "CHECKPOINT_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        run.run_importance(lists, out, settings, on_epoch=fall_in_ascent)
    assert not out.exists()
    assert len(saved) == 4
    assert len(tried) == len(set(tried)) == 9
    run.run_importance(lists, out, settings)
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("value", ["banzhaf", "shapley", "loo"])
def test_values_of_groups_and_of_plain_lists(value: str, tmp_path: Path) -> None:
    plain = tmp_path / "plain.jsonl"
    plain.write_text('{"retrieved": [4, 7, 4], "utility": [1, 0, 0.5]}\n')
    groups = tmp_path / "groups.jsonl"
    groups.write_text('{"name": "both", "elements": ["4", "7"]}\n')
    out = tmp_path / "out.parquet"
    done = dataselect(
        "importance", plain, "--groups", groups, "--value", value, "--k", 2, "--prune", "--out", out
    )
    assert done.returncode == 0, done.stderr
    # The one group is the whole list: it is worth all that there is.
    assert pq.read_table(out).column("group_importance").to_pylist() == pytest.approx([0.5, 0.5])
    assert "mean utility of the first K" in done.stdout


@pytest.mark.parametrize(
    ("line", "options", "message"),
    [
        ('{"retrieved": [1], "utility": [0]}', (), "no query of 1 has a right answer"),
        ('{"retrieved": [-1], "utility": [1]}', (), "has the item -1"),
        ('{"retrieved": [1], "utility": [1]}', ("--k", 0), "k is 0"),
        ('{"retrieved": [1], "utility": [1]}', ("--sampling", "hoeffding"), "without --epsilon"),
        ('{"retrieved": [1], "utility": [1]}', ("--test-share", 1.5), "test share is 1.5"),
        (
            '{"retrieved": [1], "utility": [1]}',
            ("--value", "banzhaf", "--epsilon", 0.1),
            "banzhaf values are worked out exactly",
        ),
        ('{"retrieved": [1], "utility": [1]}', ("--groups", "absent"), "absent is no file"),
        ('{"retrieved": [1], "utility": [1]}', (), "4 folds of 1 queries"),
    ],
)
def test_bad_input_ends_with_2_and_leaves_nothing(
    line: str, options: tuple[object, ...], message: str, tmp_path: Path
) -> None:
    plain = tmp_path / "plain.jsonl"
    plain.write_text(line + "\n")
    done = dataselect("importance", plain, *options, "--out", tmp_path / "out.parquet")
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out.parquet").exists()


def test_neither_torch_nor_nasproxy_is_imported() -> None:
    program = (
        "import sys, dataselect.importance, dataselect.importance.run;"
        "print([m for m in ('torch', 'nasproxy', 'sklearn', 'scipy.stats') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=ENVIRONMENT
    )
    assert done.stdout.strip() == "[]"


def test_the_example_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["importance_of_documents.py", "--countries", "120"])
    runpy.run_path(str(ROOT / "examples/importance_of_documents.py"), run_name="__main__")
    printed = capsys.readouterr().out
    before, pruned, reweighted = (float(line.split()[-1]) for line in printed.splitlines()[-3:])
    assert pruned > before + 0.1
    assert reweighted > before + 0.1
