"""dataselect report on a small scored corpus, against plain Python."""

import json
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scored_corpus import documents, good, ranked, score, write_corpus

from dataselect.report import visible, write_report
from dataselect.scores import open_scores

Outcome = tuple[int, str, str]


HOSTILE = [
    "9 0 <script>alert(1)</script><img src=x onerror=alert(2)>",
    "8 0 \u202etxet desrever\u2066 \u200b \x00 \x1b[31m \ufeff",
    "7 0 </style></article>\"'><svg onload=alert(3)>{{ 7*7 }}{% raw %}",
    "6 0 Z" + "\u0301" * 500,
    "5 0 " + "m" * 100_000,
]


class Tags(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen[tag] += 1
        self.attributes |= {name for name, _ in attrs}


def test_a_page_shows_hostile_texts_and_runs_nothing(tmp_path: Path) -> None:
    rows = documents(40) + [
        {"text": text, "id": f"<b>{i}", "domain": "<i>d</i>", "extra": None}
        for i, text in enumerate(HOSTILE)
    ]
    corpus = write_corpus(tmp_path / "corpus", rows)
    scores = score(corpus, tmp_path / "scores")
    write_report(scores, tmp_path / "report.html", title="<script>t</script>")
    page = (tmp_path / "report.html").read_text()
    tags = Tags()
    tags.feed(page)
    assert not {"script", "img", "iframe", "link", "object", "b<"} & set(tags.seen)
    assert not any(
        name.startswith("on") or name in ("src", "style-src") for name in tags.attributes
    )
    assert tags.seen["style"] == 1
    assert page.count("</style>") == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "⟨202E⟩txet desrever⟨2066⟩" in page
    assert "⟨0000⟩" in page
    assert not set(page) & {"\u202e", "\u2066", "\x00", "\x1b", "\ufeff"}
    assert "\u0301" * 4 not in page
    assert "{{ 7*7 }}" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "url(" not in page
    assert "m" * 1_000 not in page


def test_the_page_counts_what_is_there(
    scored: tuple[Any, ...], tmp_path: Path, dataselect: Callable[..., Outcome]
) -> None:
    rows, _, scores = scored
    code, out, _ = dataselect("report", scores, "--out", tmp_path / "r.html", "--json")
    assert code == 0
    assert json.loads(out)["documents"] == 300
    page = (tmp_path / "r.html").read_text()
    assert f"no score: {sum(good(r) is None for r in rows)}" in page
    assert ranked(rows)[0]["text"][:60] in page
    assert dataselect("report", scores, "--out", tmp_path / "r.html")[0] == 2
    code, out, _ = dataselect(
        "report", scores, "--out", tmp_path / "r.html", "--overwrite", "--no-texts"
    )
    assert code == 0
    assert "texts are not shown" in out
    assert ranked(rows)[0]["text"][:60] not in (tmp_path / "r.html").read_text()


def test_a_page_without_the_corpus_says_so(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", documents(30))
    scores = score(corpus, tmp_path / "scores")
    Path(corpus[2]).unlink()
    found = write_report(scores, tmp_path / "r.html")
    assert "c.parquet" in found["texts_missing"]
    assert "Texts are not shown" in (tmp_path / "r.html").read_text()


def test_correlations_and_histograms_are_those_of_all_documents(scored: tuple[Any, ...]) -> None:
    from dataselect.report.gather import gather

    rows, _, scores = scored
    found = gather(open_scores(scores))
    own = np.array(
        [
            [
                np.nan if good(r) is None else good(r),
                float(r["text"].split()[1]),
                len(r["text"].split()),
            ]
            for r in rows
        ],
        dtype=float,
    )
    for i in range(3):
        for j in range(3):
            both = ~np.isnan(own[:, i]) & ~np.isnan(own[:, j])
            expected = stats.spearmanr(own[both, i], own[both, j]).statistic
            assert found.correlation[i, j] == pytest.approx(expected, abs=5e-3)
    for i, column in enumerate(found.columns):
        h = column.histogram
        total = h.counts.sum() + h.below + h.above + (h.zeros or 0)
        assert total == (~np.isnan(own[:, i])).sum()
        order = np.argsort(-own[:, i], kind="stable")[:10]
        assert column.extremes.high.tolist() == order.tolist()
        order = np.argsort(own[:, i], kind="stable")[:10]
        assert column.extremes.low.tolist() == order.tolist()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\tc", "a ⏎ b ⇥ c"),
        ("\u202ea", "⟨202E⟩a"),
        ("a   b", "a b"),
        ("x" * 500, "x" * 230),
        ("", ""),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert visible(text) == (shown, max(0, len(text) - 230))


def test_the_report_breaks_the_rules_that_a_recipe_decides_by(
    scored: tuple[Any, ...], tmp_path: Path, dataselect: Callable[..., Outcome]
) -> None:
    from dataselect.report.recipes import RecipeRules
    from dataselect.scorers.recipes import decide, parse_recipe

    text = """
    name = "mine"
    missing = "pass"
    [[rule]]
    signal = "good"
    min = 2
    missing = "reject"
    [[rule]]
    signal = "noise"
    min = 0.25
    max = 0.75
    [[rule]]
    signal = "tokens_estimate"
    max = 20
    """
    _, _, scores = scored
    recipe = parse_recipe(text)
    table = open_scores(scores).part(0)
    broken = RecipeRules(recipe).broken(table)
    decision = decide(table, recipe)
    assert (~broken.any(axis=1) == np.array(decision["kept"].to_pylist())).all()
    assert broken.sum(axis=1).tolist() == [len(rules) for rules in decision["broken"].to_pylist()]
    (tmp_path / "mine.toml").write_text(text)
    arguments = ("--recipe", tmp_path / "mine.toml", "--out", tmp_path / "r.html")
    code, out, err = dataselect("report", scores, *arguments)
    assert (code, err) == (0, "")
    assert "recipe mine rejects" in out
    page = (tmp_path / "r.html").read_text()
    assert "2 ≤ good, not missing" in page
    assert "0.25 ≤ noise ≤ 0.75" in page
    assert "mine: 0.25" in page  # its limit stands in the histogram
    code, _, err = dataselect("report", scores, "--recipe", "gophr", "--out", tmp_path / "s.html")
    assert code == 2
    assert "did you mean gopher?" in err
    wrong = text.replace('"noise"', '"nois"')
    (tmp_path / "mine.toml").write_text(wrong)
    code, _, err = dataselect("report", scores, *arguments[:2], "--out", tmp_path / "t.html")
    assert code == 2
    assert "the recipe mine is to be applied, has no column 'nois'" in err
    assert "did you mean noise?" in err
    assert not (tmp_path / "t.html").exists()
