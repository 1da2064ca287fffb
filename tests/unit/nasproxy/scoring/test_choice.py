"""Which architectures are scored."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from nasproxy.errors import NasproxyError
from nasproxy.scoring.choice import choose
from nasproxy.spaces.nasbench201.space import NASBench201

SPACE = NASBench201()
GOOD = "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"


def test_a_sample_holds_no_function_twice_and_follows_its_seed() -> None:
    chosen = choose(SPACE, sample=500, seed=3)
    assert len({SPACE.canonical(cell) for cell in chosen}) == 500
    assert choose(SPACE, sample=500, seed=3) == chosen
    assert choose(SPACE, sample=100, seed=3) == chosen[:100]
    assert choose(SPACE, sample=500, seed=4) != chosen


def test_a_sample_larger_than_the_space_is_refused_at_once() -> None:
    for count in (4931, 10**12):
        with pytest.raises(NasproxyError, match="4,930 different functions"):
            choose(SPACE, sample=count)
    with pytest.raises(NasproxyError, match="a sample of 0"):
        choose(SPACE, sample=0)


def test_all_are_the_15625_spellings() -> None:
    assert len(choose(SPACE, every=True)) == 15_625


def test_a_list_may_hold_comments_indices_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "archs.txt"
    path.write_text(f"{GOOD}\n# the best\n\n13714\n", encoding="utf-8-sig")
    assert [str(cell) for cell in choose(SPACE, listed=str(path))] == [
        GOOD,
        str(SPACE.parse("13714")),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{GOOD}\n{GOOD.replace('skip_connect', 'skip_conect')}\n", "line 2: there is no op"),
        (f"\n\n{GOOD[:-9]}\n", "line 3: "),
        ("15625\n", "line 1: "),
        ("# nothing\n", "holds no architecture"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "archs.txt"
    path.write_text(text)
    with pytest.raises(NasproxyError) as caught:
        choose(SPACE, listed=str(path))
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_list_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "absent", tmp_path, tmp_path / "binary"):
        with pytest.raises(NasproxyError, match="cannot be read"):
            choose(SPACE, listed=str(path))


@pytest.mark.parametrize("ways", [{}, {"every": True, "sample": 3}, {"sample": 3, "listed": "x"}])
def test_one_way_has_to_be_chosen(ways: dict[str, object]) -> None:
    with pytest.raises(NasproxyError, match="not clear"):
        choose(SPACE, **ways)  # type: ignore[arg-type]


def test_a_benchmark_gives_its_own_architectures() -> None:
    if find_spec("analognasbench") is None:
        pytest.skip("analog-nasbench is not installed")
    assert len(choose(SPACE, listed="benchmark:nasbench201-analog")) == 15_625
