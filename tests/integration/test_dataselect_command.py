"""dataselect, as far as it goes."""

import json
from collections.abc import Callable
from typing import Any

Command = Callable[..., Any]


def test_scorers_are_listed(process: Command) -> None:
    found = process("scorers", "--json", command="dataselect")
    assert found.code == 0
    assert set(json.loads(found.out)) == {"scorers"}
    watch = (
        "import atexit, sys; "
        "atexit.register(lambda: print('torch' in sys.modules, file=sys.stderr))"
    )
    table = process("scorers", command="dataselect", limit=watch)
    assert table.code == 0
    assert "signals: Rule-based quality signals" in table.out
    assert table.err.strip() == "False"


def test_an_unknown_command_offers_the_nearest(process: Command) -> None:
    found = process("scorer", command="dataselect")
    assert found.code == 2
    assert found.out == ""
    assert "did you mean scorers or" in found.err
