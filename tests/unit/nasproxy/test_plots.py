"""Pictures: what they say, that they are pictures, and what they leave alone."""

import io
import subprocess
import sys

import matplotlib
import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

from nasproxy import plots
from nasproxy.errors import NasproxyError

RNG = np.random.default_rng(0)
TRUTH = RNG.normal(size=80)
NOISY = TRUTH + RNG.normal(size=80)


def all_pictures() -> list[bytes]:
    return [
        plots.rank_scatter(NOISY, TRUTH, name="naswot", target="test accuracy"),
        plots.best_so_far({"one": TRUTH}, quantity="test accuracy (%)", optimum=3.0),
        plots.best_so_far({"many": RNG.normal(size=(4, 30))}, quantity="score"),
        plots.score_histogram(NOISY, name="naswot", marked={"pick": 1.0}),
    ]


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text of the picture drawn next."""
    seen: list[str] = []
    png = plots._png

    def spy(figure: Figure) -> bytes:
        image = png(figure)
        seen.extend(t.get_text() for t in figure.findobj(matplotlib.text.Text))
        return image

    monkeypatch.setattr(plots, "_png", spy)
    return seen


def test_each_is_a_png_with_ink_on_white() -> None:
    for picture in all_pictures():
        pixels = matplotlib.image.imread(io.BytesIO(picture), format="png")
        assert min(pixels.shape[:2]) > 400
        assert np.all(pixels[0, 0] == 1)
        assert 0.005 < np.mean(pixels[..., :3].min(axis=-1) < 0.8) < 0.5


def test_the_same_data_give_the_same_bytes() -> None:
    one, other = (plots.rank_scatter(NOISY, TRUTH, name="a", target="b") for _ in range(2))
    assert one == other


def test_no_global_setting_changes_and_no_window_system_is_asked() -> None:
    before = dict(matplotlib.rcParams)
    all_pictures()
    assert dict(matplotlib.rcParams) == before
    script = (
        "import sys, numpy, nasproxy.plots as p; "
        "p.score_histogram(numpy.arange(3.0), name='zen'); "
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_the_scatter_says_its_tau_and_leaves_out_nan(texts: list[str]) -> None:
    scores = np.array([1.0, 2, 3, 4, np.nan])
    plots.rank_scatter(scores, np.array([1.0, 2, 4, 3, 5]), name="zen", target="test accuracy")
    assert "zen: Kendall τ = 0.667" in texts
    assert "rank by zen (1 = worst, 4 = best)" in texts
    assert "rank by test accuracy" in texts


def test_the_curve_says_its_end_and_its_regret(texts: list[str]) -> None:
    plots.best_so_far(
        {"evolution": np.array([90.0, 93.0, 93.5])}, quantity="accuracy (%)", optimum=94.37
    )
    assert "evolution: 93.50  (regret 0.87)" in texts
    assert "optimum: 94.37" in texts
    assert "accuracy (%)" in texts


def test_the_histogram_counts_what_it_cannot_show(texts: list[str]) -> None:
    plots.score_histogram(np.array([1.0, 2, 3, np.nan, np.inf]), name="synflow")
    assert "Scores of 3 architectures by synflow" in texts
    assert "without a finite score, and not shown: 2" in texts


def test_a_sentinel_far_away_costs_no_memory() -> None:
    assert plots.score_histogram(np.append(NOISY, -1e8), name="nwot").startswith(b"\x89PNG")
    assert plots._bins(np.append(NOISY, -1e8)) == 80
    assert plots._bins(np.zeros(5)) == 10


def test_the_incumbent_is_the_best_judged_so_far() -> None:
    judged = np.array([np.nan, 1, 1, 3, 2, np.nan, 4])
    values = np.array([9.0, 5, 6, 2, 8, 7, 1])
    np.testing.assert_array_equal(plots.incumbents(judged, values), [np.nan, 5, 5, 2, 2, 2, 1])


def test_what_cannot_be_drawn_is_named() -> None:
    with pytest.raises(NasproxyError, match="none of the 2 scores of zen"):
        plots.score_histogram(np.array([np.nan, np.inf]), name="zen")
    with pytest.raises(NasproxyError, match="no curve"):
        plots.best_so_far({}, quantity="score")
    with pytest.raises(NasproxyError, match="'empty' of shape"):
        plots.best_so_far({"empty": np.array([1.0, np.nan])}, quantity="score")


def test_without_matplotlib_the_line_to_type_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(NasproxyError, match="matplotlib") as caught:
        plots.score_histogram(NOISY, name="zen")
    assert caught.value.hint == "pip install 'zerocost[plot]'"
