"""The template of a space of one's own keeps what every space promises."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from nasproxy import proxies, spaces
from nasproxy.scoring.candidates import score_candidate
from nasproxy.testing.spaces import SearchSpaceContract

EXAMPLES = Path(__file__).parents[2] / "examples"
ENTRY_POINTS = """\
[nasproxy.spaces]
stacks = my_space:Space

[nasproxy.proxies]
mine = my_plugin:MINE
"""
PLUGIN = """
from dataclasses import replace
from nasproxy.proxies.counts import PARAMS

MINE = replace(PARAMS, name="mine", summary="of a package of one's own")
"""


@pytest.fixture
def template(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(EXAMPLES)
    return spaces.get("my_space:Space")


class TestTemplate(SearchSpaceContract):
    """The contract, inherited as the template's first lines show it."""

    @pytest.fixture
    def space(self, template: Any) -> Any:
        return template

    def test_weights_drawn_anew_are_those_of_a_fresh_network(self, space: Any) -> None:
        cell = next(iter(space.architectures()))
        one, other = space.build(cell, seed=0), space.build(cell, seed=5)
        space.redraw(one, 5)
        for (name, mine), (_, theirs) in zip(
            one.state_dict().items(), other.state_dict().items(), strict=True
        ):
            assert torch.equal(mine, theirs), name


def test_an_installed_package_gives_spaces_and_proxies_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What pip would leave behind of a package that declares the entry points.
    metadata = tmp_path / "my_plugin-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my-plugin\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "my_plugin.py").write_text(PLUGIN)
    for folder in (EXAMPLES, tmp_path):
        monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "my_plugin", raising=False)
    assert "stacks" in spaces.names()
    assert "mine" in proxies.names()
    space: Any = spaces.get("stacks")
    from nasproxy.images import load_batch

    batch = load_batch("noise", size=2, image_size=32)
    cell = space.parse("2-8-3-relu-yes")
    found = score_candidate(space, cell, batch, ["mine", "params"])
    assert found.scores["mine"] == found.scores["params"]
