import pickle
import subprocess
import sys
import types
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nasproxy import benchmarks
from nasproxy.benchmarks import BenchmarkTable, analog, nasbench201, published
from nasproxy.benchmarks.columns import number_columns, read_columns
from nasproxy.errors import NasproxyError

SKIPS = (
    "|skip_connect~0|+|skip_connect~0|skip_connect~1|"
    "+|skip_connect~0|skip_connect~1|skip_connect~2|"
)
MIXED = "|skip_connect~0|+|none~0|nor_conv_1x1~1|+|nor_conv_3x3~0|avg_pool_3x3~1|skip_connect~2|"


def _table(**changed: Any) -> BenchmarkTable:
    fields: dict[str, Any] = {
        "name": "small",
        "space": "letters",
        "architectures": ("a", "b", "c"),
        "targets": {"cifar10": np.array([1.0, np.nan, 3.0]), "empty": np.full(3, np.nan)},
        "reference": "none",
    }
    return BenchmarkTable(**{**fields, **changed})


# Table


def test_lookup_keeps_the_order_asked_for_and_says_nan_where_unknown() -> None:
    found = _table().lookup(["c", "x", "a", "c", "b"], "cifar10")
    assert found.dtype == np.float64
    assert np.array_equal(found, [3, np.nan, 1, 3, np.nan], equal_nan=True)
    assert _table().lookup([], "cifar10").shape == (0,)


def test_best_ignores_what_is_unknown_and_takes_the_first_of_equals() -> None:
    assert _table().best("cifar10") == ("c", 3.0)
    tied = _table(targets={"t": np.array([2.0, 5.0, 5.0])})
    assert tied.best("t") == ("b", 5.0)
    with pytest.raises(NasproxyError, match="knows no value of 'empty'"):
        _table().best("empty")


@pytest.mark.parametrize("call", [lambda t: t.lookup(["a"], "cifar"), lambda t: t.best("cifar")])
def test_an_unknown_target_gets_the_nearest(call: Any) -> None:
    with pytest.raises(NasproxyError, match="'small' has no target 'cifar'") as caught:
        call(_table())
    assert "did you mean cifar10" in str(caught.value)
    assert "cifar10, empty" in str(caught.value)


def test_a_table_must_be_consistent() -> None:
    with pytest.raises(NasproxyError, match="'small' holds 'a' twice"):
        _table(architectures=("a", "b", "a"))
    with pytest.raises(NasproxyError, match=r"3 rows but values of the shape \[2\] of 't'"):
        _table(targets={"t": np.zeros(2)})


def test_a_table_cannot_be_changed_from_outside() -> None:
    values = np.array([1.0, 2.0, 3.0])
    table = _table(targets={"t": values})
    values[:] = 0
    assert table.best("t") == ("c", 3.0)
    with pytest.raises(ValueError, match="read-only"):
        table.targets["t"][0] = 9
    with pytest.raises(TypeError):
        table.targets["u"] = values  # type: ignore[index]


# Names


def test_names_and_nearest_names() -> None:
    assert benchmarks.names()[:2] == ["nasbench201", "nasbench201-analog"]
    with pytest.raises(NasproxyError, match="no benchmark named 'nasbench21'") as caught:
        benchmarks.get("nasbench21")
    assert "did you mean nasbench201" in str(caught.value)
    assert "nasproxy benchmarks" in str(caught.value)


def test_a_table_of_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("my_tables")
    module.TABLE = _table()  # type: ignore[attr-defined]
    module.make = _table  # type: ignore[attr-defined]
    module.wrong = lambda: 5  # type: ignore[attr-defined]
    module.number = 5  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "my_tables", module)
    assert benchmarks.get("my_tables:TABLE").name == "small"
    assert benchmarks.get("my_tables:make").name == "small"
    for name in ("wrong", "number"):
        with pytest.raises(NasproxyError, match=f"'my_tables:{name}' is a int") as caught:
            benchmarks.get(f"my_tables:{name}")
        assert "BenchmarkTable" in str(caught.value)


def test_an_absent_table_names_the_command_that_fetches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZEROCOST_DATA_DIR", str(tmp_path))
    with pytest.raises(NasproxyError, match="is not there") as caught:
        benchmarks.get("nasbench201")
    assert "`nasproxy data fetch nasbench201` downloads it (3 MB)" in str(caught.value)
    for load in (published.load, published.load_imagenet16):
        with pytest.raises(NasproxyError, match="nasproxy data fetch nasbench201-proxies"):
            load()


def test_reading_tables_imports_neither_torch_nor_scipy() -> None:
    code = (
        "import sys; from nasproxy.benchmarks import nasbench201, analog, published, names\n"
        "names()\n"
        "assert not {'torch', 'scipy', 'polars', 'sklearn', 'pooch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# CSV


def test_columns_read_exact_numbers_and_empty_cells(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('a,"b, c"\n0.1,"x, y"\n,z\n1e-320,w\n')
    columns = read_columns(path)
    assert columns["b, c"] == ["x, y", "z", "w"]
    assert np.array_equal(number_columns(path, columns, ["a"])["a"], [0.1, np.nan, 1e-320], True)


def test_malformed_columns(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n3\n")
    with pytest.raises(NasproxyError, match="line 3, has 1 cells, its header 2"):
        read_columns(path)
    path.write_text("a,b\n1,two\n")
    columns = read_columns(path)
    with pytest.raises(NasproxyError, match="column 'b': could not convert string to float: 'two'"):
        number_columns(path, columns, ["a", "b"])
    with pytest.raises(NasproxyError, match="has no column 'c'") as caught:
        number_columns(path, columns, ["c"])
    assert "a, b" in str(caught.value)
    path.write_text("")
    assert read_columns(path) == {}


def test_nasbench201_maps_its_columns_to_targets(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        "ImageNetTestAccuracy200Epochs,CIFAR10TestAccuracy200Epochs,CIFAR100TestAccuracy200Epochs,"
        f"ArchitectureString\n30.5,90.25,70.125,{SKIPS}\n"
    )
    table = nasbench201.read(path)
    assert table.space == "nasbench201"
    assert table.architectures == (SKIPS,)
    assert {t: v.tolist() for t, v in table.targets.items()} == {
        "cifar10": [90.25],
        "cifar100": [70.125],
        "imagenet16-120": [30.5],
    }
    path.write_text("ArchitectureString\n")
    with pytest.raises(NasproxyError, match="has no column 'CIFAR10Test"):
        nasbench201.read(path)


def test_published_values_lose_their_sentinel(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        f'net,net_str,nwot,snip\n"(0, 0, 0, 0, 0, 0)",{SKIPS},-100000000.0,1.5\n'
        f'"(0, 1, 2, 3, 4, 0)",{MIXED},-99999999.0,-3\n'
    )
    table = published.read(path)
    assert table.architectures == (SKIPS, MIXED)
    assert list(table.targets) == ["nwot", "snip"]
    assert np.array_equal(table.targets["nwot"], [np.nan, -99999999.0], equal_nan=True)
    assert table.targets["snip"].tolist() == [1.5, -3]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("skip", "'skip' is no tuple of operations"),
        ("__import__('os')", "is no tuple of operations"),
        ('"(0, 0, 0.5)"', "is no tuple of operations"),
        ('"(0, 0, 0)"', "6"),
        ('"(0, 0, 0, 0, 0, 5)"', "5"),
    ],
)
def test_malformed_op_tuples(tmp_path: Path, cell: str, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"net,nwot\n{cell},1\n")
    with pytest.raises(NasproxyError, match=message):
        published.read(path)
    path.write_text("nwot\n1\n")
    with pytest.raises(NasproxyError, match="has no column 'net'"):
        published.read(path)


# The pickled table


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A class that pickles as the package's own record does."""
    module = types.ModuleType("analognasbench.data")
    kind = type("Architecture", (), {"__module__": "analognasbench.data"})
    module.Architecture = kind  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "analognasbench", types.ModuleType("analognasbench"))
    monkeypatch.setitem(sys.modules, "analognasbench.data", module)

    def make(accuracy: object) -> object:
        made = kind()
        made.__dict__["baseline_accuracy"] = accuracy
        return made

    return make


def _pickled(path: Path, value: object) -> Path:
    path.write_bytes(pickle.dumps(value, protocol=4))
    return path


def test_the_analog_table_is_read_in_percent(tmp_path: Path, record: Any) -> None:
    cells = {(0, 0, 0, 0, 0, 0): record(61.5), (0, 1, 3, 3, 4, 0): record(10.0)}
    table = analog.read(_pickled(tmp_path / "t.anb", cells))
    assert table.architectures[0] == SKIPS
    # edges 01, 02, 03, 12, 13, 23: not the order of the string
    assert table.architectures[1] == MIXED.replace("nor_conv_3x3~0", "nor_conv_1x1~0")
    assert table.targets["cifar10"].tolist() == [61.5, 10.0]


class _Call:
    """Pickles as a call of a function with one argument."""

    def __init__(self, function: object, argument: object) -> None:
        self.call = (function, (argument,))

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    "attack",
    [
        lambda witness: pickle.dumps(_Call(eval, f"open({str(witness)!r}, 'w')")),
        lambda witness: pickle.dumps({(0,) * 6: _Call(exec, f"open({str(witness)!r}, 'w')")}),
        lambda witness: f"cos\nsystem\n(S'touch {witness}'\ntR.".encode(),
        lambda witness: f"(S'touch {witness}'\nios\nsystem\n.".encode(),
        lambda witness: b"canalognasbench.data\nos.system\n.",
        lambda witness: b"\x80\x04\x8c\x13analognasbench.data\x8c\x15Architecture.__init__\x93.",
    ],
)
def test_a_malicious_table_runs_nothing(tmp_path: Path, attack: Any) -> None:
    witness = tmp_path / "witness"
    path = tmp_path / "t.anb"
    path.write_bytes(attack(witness))
    with pytest.raises(NasproxyError, match=r"the table names .*, which is not read") as caught:
        analog.read(path)
    assert "tampered" in str(caught.value)
    assert not witness.exists()


def test_the_attacks_would_work_on_a_plain_unpickler(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    pickle.loads(pickle.dumps(_Call(eval, f"open({str(witness)!r}, 'w').close()")))
    assert witness.exists()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, 2], "a list instead of a mapping"),
        ({}, "is not the table of analog-nasbench: it is empty"),
        ({(0,) * 6: 5}, r"the accuracy None of \(0, 0, 0, 0, 0, 0\)"),
        ({"cell": 5}, "the accuracy None of 'cell'"),
    ],
)
def test_a_table_of_another_form(tmp_path: Path, value: object, message: str) -> None:
    with pytest.raises(NasproxyError, match=message) as caught:
        analog.read(_pickled(tmp_path / "t.anb", value))
    assert "pip install --force-reinstall" in str(caught.value)


@pytest.mark.parametrize("accuracy", [-0.1, 100.5, float("nan"), "90", None])
def test_an_accuracy_is_a_percentage(tmp_path: Path, record: Any, accuracy: object) -> None:
    with pytest.raises(NasproxyError, match="is not the table of analog-nasbench: the accuracy"):
        analog.read(_pickled(tmp_path / "t.anb", {(0,) * 6: record(accuracy)}))


@pytest.mark.parametrize("content", [b"", b"text", b"\x80\x04}", b"P1\n."])
def test_a_damaged_table(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.anb").write_bytes(content)
    with pytest.raises(NasproxyError, match="is not the table of analog-nasbench"):
        analog.read(tmp_path / "t.anb")


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(analog, "distribution", absent)
    with pytest.raises(NasproxyError, match="needs the package analog-nasbench") as caught:
        benchmarks.get("nasbench201-analog")
    assert "pip install 'zerocost[bench]'" in str(caught.value)


def test_a_package_without_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Empty:
        version = "9.9"

        def locate_file(self, name: str) -> Path:
            return tmp_path / name

    monkeypatch.setattr(analog, "distribution", lambda _: Empty())
    with pytest.raises(NasproxyError, match=r"analog-nasbench 9\.9 has no .*data\.anb") as caught:
        analog.load()
    assert "pip install analog-nasbench==0.1.3" in str(caught.value)
