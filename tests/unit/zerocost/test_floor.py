import ast
import subprocess
import sys
from pathlib import Path

import zerocost

FLOOR = sorted(Path(zerocost.__file__).parent.glob("*.py"))


def _code_lines(path: Path) -> int:
    """Lines that are neither blank, nor a comment, nor part of a docstring."""
    text = path.read_text(encoding="utf-8")
    prose: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            continue
        if ast.get_docstring(node) is not None:
            first = node.body[0]
            prose.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    lines = enumerate(text.splitlines(), start=1)
    return sum(1 for i, line in lines if line.strip() and line.strip()[0] != "#" and i not in prose)


def test_the_floor_stays_small() -> None:
    assert len(FLOOR) >= 7
    assert sum(map(_code_lines, FLOOR)) < 600


def test_the_floor_knows_nothing_about_networks_or_text() -> None:
    modules = ", ".join(f"zerocost.{p.stem}" for p in FLOOR if p.stem != "__init__")
    dear = "{'torch', 'numpy', 'pyarrow', 'polars', 'nasproxy', 'dataselect', 'pooch'}"
    code = f"import sys, {modules}; assert not {dear} & set(sys.modules), sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)
