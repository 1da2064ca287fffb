"""Every sub-command: what it prints for people and for programs, and how it ends."""

import json
import time
from collections.abc import Callable
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

Command = Callable[..., Any]
SMALL = ("--space", "own:SPACE", "--images", "noise", "--batch-size", "4")


def _analog() -> bool:
    try:
        distribution("analog-nasbench")
    except PackageNotFoundError:
        return False
    return True


needs_analog = pytest.mark.skipif(not _analog(), reason="analog-nasbench is not installed")


def _json(found: Any) -> dict[str, Any]:
    assert found.code == 0, found.err
    value = json.loads(found.out)  # one object, and nothing before or after it
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize("command", ["nasproxy", "dataselect"])
def test_help_is_instant_and_imports_nothing_dear(process: Command, command: str) -> None:
    watch = (
        "import atexit, sys; atexit.register(lambda: print([m for m in ('torch', 'numba', "
        "'optuna', 'sklearn', 'scipy', 'pyarrow', 'numpy', 'rich') if m in sys.modules], "
        "file=sys.stderr))"
    )
    seconds = []
    for _ in range(4):
        began = time.perf_counter()
        found = process("--help", command=command, limit=watch)
        seconds.append(time.perf_counter() - began)
        assert found.code == 0
        assert found.out.startswith(f"Usage: {command}")
        assert found.err.strip() == "[]"
    assert min(seconds) < 0.3, seconds


def test_every_sub_command_has_help_that_fits_80_columns(
    nasproxy: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    listed = nasproxy("--help").out.split("Commands:")[1]
    names = [line.split()[0] for line in listed.strip().splitlines()]
    assert names == [
        "score", "rank", "correlate", "search", "parzc", "proxies", "spaces", "benchmarks", "data",
    ]  # fmt: skip
    for name in names:
        found = nasproxy(name, "--help")
        assert found.code == 0
        assert f"Usage: nasproxy {name}" in found.out
        assert "Commands:" not in found.out or "..." not in found.out.split("Commands:")[1]
        for line in found.out.splitlines():
            assert len(line) <= 80 or line.startswith("  nasproxy "), line


def test_no_command_shows_the_help_as_a_usage_error(nasproxy: Command) -> None:
    found = nasproxy()
    assert found.code == 2
    assert found.err.startswith("Usage: nasproxy")


def test_listings_for_people_and_programs(
    nasproxy: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZEROCOST_DATA_DIR", str(tmp_path / "data"))
    proxies = _json(nasproxy("proxies", "--json"))["proxies"]
    assert {"naswot", "synflow"} == {p["name"] for p in proxies if p["default"]}
    table = nasproxy("proxies").out
    assert all(p["name"] in table and p["reference"] in table for p in proxies)
    spaces = {s["name"]: s for s in _json(nasproxy("spaces", "--json"))["spaces"]}
    assert set(spaces) >= {"nasbench201", "flexibert", "bert-mobilebert"}
    space = spaces["nasbench201"]
    assert space["architectures"] == 15_625
    assert space["example"] in nasproxy("spaces").out
    assert space["default_proxies"] == ["layer_decorrelation", "act_decorrelation"]
    known = {b["name"]: b for b in _json(nasproxy("benchmarks", "--json"))["benchmarks"]}
    assert known["nasbench201"]["here"] is False
    assert "nasproxy data fetch nasbench201" in known["nasbench201"]["next"]
    assert "nasproxy data fetch nasbench201" in nasproxy("benchmarks").out
    data = _json(nasproxy("data", "list", "--json"))
    assert data["where"] == str(tmp_path / "data")
    assert {"cifar10", "nasbench201"} <= {row["name"] for row in data["data"]}
    assert "cifar10" in nasproxy("data", "list").out
    assert nasproxy("data", "where").out == f"{tmp_path / 'data'}\n"
    assert _json(nasproxy("data", "where", "--json")) == {"where": str(tmp_path / "data")}
    assert _json(nasproxy("data", "verify", "--json")) == {"files": []}
    assert "nothing is in" in nasproxy("data", "verify").out


def test_a_plug_in_that_is_broken_is_named_and_hides_no_other(
    nasproxy: Command, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "plugged.py").write_text("raise RuntimeError('no licence')\n")
    monkeypatch.syspath_prepend(here)

    def plugged(*, group: str) -> list[EntryPoint]:
        points = [EntryPoint("broken", "plugged:IT", group)]
        own = {"nasproxy.proxies": "own:PROXY", "nasproxy.spaces": "own:fails"}[group]
        return [*points, EntryPoint("another", own, group)]

    monkeypatch.setattr("zerocost.registry.entry_points", plugged)
    found = _json(nasproxy("proxies", "--json"))
    assert {"naswot", "another"} <= {p["name"] for p in found["proxies"]}
    assert "RuntimeError: no licence" in found["failed"]["broken"]
    spaces = _json(nasproxy("spaces", "--json"))
    assert "nasbench201" in {s["name"] for s in spaces["spaces"]}
    assert "cannot be made: KeyError: 'ground'" in spaces["failed"]["another"]
    printed = nasproxy("proxies")
    assert printed.code == 0
    assert "broken cannot be loaded: 'plugged'" in printed.err


def test_score_an_architecture(nasproxy: Command) -> None:
    asked = ("score", *SMALL, "--arch", "13714", "--proxies", "synflow,params,own:PROXY")
    found = _json(nasproxy(*asked, "--json"))
    assert list(found["scores"]) == ["synflow", "params", "mine"]
    assert found["scores"]["mine"] == found["scores"]["params"]
    assert found["network"].startswith("|nor_conv_3x3~0|+")
    assert found["no_score"] == {}
    text = nasproxy(*asked).out
    assert found["network"] in text
    assert "the user's own" in text


def test_score_names_what_has_no_score_and_why(nasproxy: Command) -> None:
    empty = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    asked = ("score", *SMALL, "--arch", empty, "--proxies", "params,naswot")
    found = nasproxy(*asked)
    assert found.code == 0
    assert "no score: naswot" in found.err
    assert "accepted:" in found.err
    assert list(_json(nasproxy(*asked, "--json"))["no_score"]) == ["naswot"]


def test_score_a_network_of_ones_own(nasproxy: Command) -> None:
    asked = ("score", "--model", "own:network", "--input-shape", "3,32,32", "--images", "noise")
    found = _json(nasproxy(*asked, "--batch-size", 8, "--json"))
    assert set(found["scores"]) == {"naswot", "synflow"}
    assert all(isinstance(score, float) for score in found["scores"].values())
    assert _json(nasproxy(*asked, "--batch-size", 8, "--json")) == found


def test_explain_says_which_passes_would_run(nasproxy: Command) -> None:
    asked = ("score", "--explain", "--proxies", "naswot,grad_norm,params")
    passes = _json(nasproxy(*asked, "--json"))["passes"]
    assert {p for step in passes for p in step["proxies"]} == {"naswot", "grad_norm", "params"}
    text = nasproxy(*asked).out
    assert all(step["name"] in text for step in passes)


@needs_analog
def test_rank_then_correlate(nasproxy: Command, here: Path) -> None:
    asked = ("rank", *SMALL, "--sample", 12, "--jobs", 1, "--proxies", "naswot,params")
    text = nasproxy(*asked, "--out", "people.parquet")
    assert text.code == 0
    assert text.out.startswith("12 architectures in people.parquet")
    found = _json(nasproxy(*asked, "--out", "programs.parquet", "--json"))
    assert (found["out"], found["architectures"]) == ("programs.parquet", 12)
    assert (here / "people.parquet").read_bytes() == (here / "programs.parquet").read_bytes()
    first = pq.read_table(here / "people.parquet").to_pylist()[0]
    assert first["architecture"] in text.out
    compare = ("correlate", "people.parquet", "--benchmark", "nasbench201-analog")
    agreement = _json(nasproxy(*compare, "--json", "--strata", "canonical"))
    assert set(agreement) >= {"benchmark", "target", "n", "proxies", "baselines", "strata"}
    assert (agreement["target"], agreement["n"]) == ("cifar10", 12)
    for name in ("naswot", "params"):
        for kind in ("kendall", "spearman"):
            value = agreement["proxies"][name][kind]
            assert -1 <= value["low"] <= value["value"] <= value["high"] <= 1
    assert len(agreement["strata"]) == 12
    # A table of the user's own, which names no space, has the baselines beside it too.
    own = pq.read_table(here / "people.parquet").select(["architecture", "naswot"])
    pq.write_table(own.replace_schema_metadata(None), here / "own.parquet")
    beside = _json(nasproxy("correlate", "own.parquet", *compare[2:], "--json"))
    assert beside["baselines"] == agreement["baselines"]
    assert set(beside["baselines"]) == {"params", "flops"}
    refused = nasproxy(*compare, "--plots", "people.parquet")
    assert refused.code == 2
    assert "the folder people.parquet cannot be made" in refused.err
    printed = nasproxy(*compare)
    assert printed.code == 0
    assert f"{agreement['proxies']['naswot']['kendall']['value']:.3f}" in printed.out


@needs_analog
def test_search_writes_and_prints_the_same(nasproxy: Command, here: Path) -> None:
    asked = ("search", *SMALL, "--budget", 12, "--population", 4, "--tournament", 2)
    text = nasproxy(*asked, "--benchmark", "nasbench201-analog", "--out", "people")
    assert text.code == 0
    assert text.out.startswith("12 networks scored of ")
    found = _json(nasproxy(*asked, "--benchmark", "nasbench201-analog", "--out", "p", "--json"))
    assert found.pop("out") == "p"
    assert found == json.loads((here / "people" / "result.json").read_text())
    assert found["evaluations"] == 12
    assert found["best"][0]["architecture"] in text.out
    assert found["regret"] == pytest.approx(
        found["optimum"]["value"] - found["best"][0]["true"], abs=1e-12
    )
    table = pq.read_table(here / "people" / "evaluations.parquet").to_pylist()
    assert [row["architecture"] for row in table[:10]] == [
        row["architecture"] for row in found["best"]
    ]
    assert sorted(row["evaluation"] for row in table) == list(range(1, 13))
    manifest = json.loads((here / "people" / "manifest.json").read_text())
    assert manifest["counts"]["given"] == 12
    assert {Path(f["path"]).name for f in manifest["outputs"]} >= {"result.json"}
    # The benchmark is reported beside; without it the same networks are found.
    blind = _json(nasproxy(*asked, "--out", "blind", "--json"))
    assert blind["regret"] is None
    assert found["settings"]["benchmark"] == "nasbench201-analog"
    assert blind["settings"]["benchmark"] is None
    assert [(b["architecture"], b["scores"]) for b in blind["best"]] == [
        (b["architecture"], b["scores"]) for b in found["best"]
    ]


def test_a_search_goes_by_a_proxy_that_no_registry_knows(nasproxy: Command, here: Path) -> None:
    asked = ("search", *SMALL, "--budget", 3, "--proxies", "own:PROXY,synflow")
    assert nasproxy(*asked, "--out", "mine").code == 0
    table = pq.read_table(here / "mine" / "evaluations.parquet")
    assert table["mine"].null_count == 0
    assert not (here / "mine" / "journal.jsonl").exists()


def test_a_ranking_goes_by_a_proxy_that_no_registry_knows(nasproxy: Command, here: Path) -> None:
    asked = ("rank", *SMALL, "--sample", 3, "--jobs", 1, "--proxies", "own:PROXY,zen,params")
    done = nasproxy(*asked, "--out", "mine.parquet", "--nodes", "nodes.parquet")
    assert done.code == 0, done.err
    table = pq.read_table(here / "mine.parquet")
    assert table["mine"] == table["params"]
    assert table.column_names[-3:] == ["mine", "zen", "params"]
    nodes = pq.read_table(here / "nodes.parquet").to_pylist()
    assert {row["proxy"] for row in nodes} == {"mine", "zen", "params"}


@pytest.mark.parametrize("columns", [80, 120, 200])
def test_an_architecture_is_never_cut_on_a_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from zerocost_cli.printing import print_table

    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    long = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_1x1~1|none~2|"
    rows = [(i + 1, long, 51.0, float("nan"), None) for i in range(10)]
    print_table(
        ("rank", "architecture", "naswot", "synflow", "x"), rows, title="t", apart="architecture"
    )
    lines = capsys.readouterr().out.splitlines()
    assert sum(long in line for line in lines) == 10
    assert sum("51.000" in line for line in lines) == 10
    assert all(len(line) <= columns for line in lines if long not in line)


def test_debug_shows_where_and_the_plain_command_does_not(process: Command) -> None:
    plain = process("score", "--space", "nasbench20", "--arch", "1")
    assert (plain.code, plain.out) == (2, "")
    assert "Traceback" not in plain.err
    debug = process("score", "--space", "nasbench20", "--arch", "1", "--debug")
    assert debug.code != 0
    assert "Traceback" in debug.err
    assert "there is no space named 'nasbench20'" in debug.err


def test_a_reader_that_has_gone_is_no_error(start: Command) -> None:
    running = start("proxies")
    running.stdout.close()
    err = running.stderr.read()
    running.stderr.close()
    running.wait(timeout=60)
    assert "Error" not in err, err
    assert "Traceback" not in err


def test_a_module_of_pythons_name_in_the_folder_does_no_harm(here: Path, process: Command) -> None:
    for name in ("random", "copy", "queue", "select"):
        (here / f"{name}.py").write_text("raise SystemExit('the wrong module')\n")
    assert process("spaces").code == 0
