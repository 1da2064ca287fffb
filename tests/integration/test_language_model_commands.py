"""The commands on spaces of language models, as a user runs them."""

import json

import pytest
from click.testing import CliRunner
from zerocost_cli.nasproxy.main import main

from nasproxy import data
from zerocost import downloads

pytestmark = pytest.mark.skipif(
    downloads.locate(data.FLEXIBERT) is None,
    reason="ZEROCOST_DATA_DIR has no flexibert/BERT_benchmark.json",
)
SMALL = ["--batch-size", "2", "--length", "16", "--proxies", "wpca,params"]


def run(*arguments):
    return CliRunner().invoke(main, list(arguments), catch_exceptions=True)


def test_rank_and_correlate_flexibert(tmp_path):
    out = tmp_path / "scores.parquet"
    archs = tmp_path / "archs.txt"
    from nasproxy import benchmarks

    archs.write_text("\n".join(benchmarks.get("flexibert").architectures[:12]))
    found = run(
        "rank",
        "--space",
        "flexibert",
        "--archs",
        str(archs),
        *SMALL,
        "--jobs",
        "1",
        "--out",
        str(out),
    )
    assert found.exit_code == 0, found.output
    found = run("correlate", str(out), "--benchmark", "flexibert", "--json", "--resamples", "20")
    assert found.exit_code == 0, found.output
    report = json.loads(found.stdout)
    assert report["target"] == "glue"
    assert report["n"] == 12
    assert list(report["baselines"]) == ["params", "depth", "depth_then_width"]
    params = report["proxies"]["params"]["kendall"]["value"]
    assert report["baselines"]["params"]["kendall"]["value"] == params
    assert all(name.split(" ")[1] == "layers," for name in report["strata"])
    assert all("baselines" in stratum for stratum in report["strata"].values())


def test_builders_give_other_networks_and_wrong_ones_are_refused(tmp_path):
    arch = "256|wma-4-1024x3|dct-2-512x1"
    scores = {}
    for builder in ("as_trained", "as_specified", "as_published"):
        found = run(
            "score", "--space", "flexibert", "--arch", arch, "--builder", builder, *SMALL, "--json"
        )
        assert found.exit_code == 0, found.output
        scores[builder] = json.loads(found.stdout)["scores"]["params"]
    assert len(set(scores.values())) == 3
    for wrong, said in (
        (["--builder", "as_train"], "as_trained"),
        (["--length", "513"], "1 to 512"),
        (["--text", "no.txt"], "cannot be read"),
    ):
        options = ["--batch-size", "2", "--proxies", "params", *wrong]
        found = run("score", "--space", "flexibert", "--arch", arch, *options)
        assert found.exit_code != 0
        assert said in str(found.exception) + found.output


def test_what_has_no_effect_or_no_score_is_said(tmp_path):
    one = tmp_path / "one.txt"
    one.write_text("a document\n")
    common = ["--space", "flexibert", "--proxies", "wpca"]
    arch = ["--arch", "128|sdp-2-512x1|sdp-2-512x1"]
    for options, said in (
        (["--images", "cifar10"], "--images does not belong to the space flexibert"),
        (["--text", str(one), "--batch-size", "2"], "which has 1 document\n"),
    ):
        found = run("score", *common, *arch, *options)
        assert found.exit_code != 0
        assert said in str(found.exception) + found.output
    out = tmp_path / "scores.parquet"
    short = ["--batch-size", "1", "--length", "1", "--sample", "2", "--jobs", "1"]
    found = run("rank", *common, *short, "--out", str(out))
    assert found.exit_code == 1
    assert "no architecture has a score" in found.output
    assert "1 row of features" in found.output


def test_search_keeps_to_the_limit(tmp_path):
    out = tmp_path / "run"
    found = run(
        *("search", "--space", "bert-mobilebert-5m", "--proxies", "wpca", "--sampler", "nsga2"),
        *("--population", "4", "--generations", "2", "--mutation", "0.1", "--max-params", "8M"),
        *("--batch-size", "2", "--length", "8", "--out", str(out), "--json"),
    )
    assert found.exit_code == 0, found.output
    result = json.loads(found.stdout)
    assert result["evaluations"] == 8
    from nasproxy import spaces

    space = spaces.get("bert-mobilebert-5m")
    for best in result["best"]:
        architecture = space.parse(best["architecture"])
        assert space.counts(architecture)["parameters"] <= 8e6


def test_the_benchmark_and_the_spaces_are_listed():
    names = {row["name"] for row in json.loads(run("spaces", "--json").stdout)["spaces"]}
    assert {"flexibert", "bert-mobilebert"} <= names
    rows = {
        row["name"]: row for row in json.loads(run("benchmarks", "--json").stdout)["benchmarks"]
    }
    assert rows["flexibert"]["architectures"] == 500
    assert next(iter(rows["flexibert"]["targets"])) == "glue"
