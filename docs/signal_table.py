"""Prints the table of signals in docs/signals.md, from the definitions in the code.

python docs/signal_table.py
"""

from __future__ import annotations

import math

from dataselect.scorers.signals import ALL


def table() -> str:
    rows = ["| signal | unit | range | better | definition | source |", "|---|---|---|---|---|---|"]
    for signal in ALL:
        column = signal.column
        low = "" if math.isinf(column.low) else f"{column.low:g}"
        high = "" if math.isinf(column.high) else f"{column.high:g}"
        better = {1: "more", -1: "less", 0: ""}[column.direction]
        definition = column.definition.replace("|", "\\|")
        mark = " *" if signal.spaced else ""
        rows.append(
            f"| `{column.name}`{mark} | {column.unit} | {low} .. {high} | {better} | {definition} "
            f"| {column.source} |"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    print(table())
