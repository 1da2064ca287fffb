"""nasproxy proxies, spaces, benchmarks: tables of what there is."""

from __future__ import annotations

from typing import Any

import click

from zerocost_cli.nasproxy.options import json_option
from zerocost_cli.printing import print_json, print_table

__all__ = ["benchmarks_command", "proxies_command", "spaces_command"]


@click.command("proxies")
@json_option
def proxies_command(as_json: bool) -> None:
    """List the proxies: what each measures, needs and reads, and where it comes from."""
    from nasproxy.proxies import DEFAULT, get_all, names

    found = get_all(names())
    rows = [
        {
            "name": p.name,
            "summary": p.summary,
            "better": "more" if p.higher_is_better else "less",
            "labels": p.needs_labels,
            "gradients": p.needs_gradients,
            "reads": p.reads,
            "reference": p.reference,
            "default": p.name in DEFAULT,
        }
        for p in found
    ]
    if as_json:
        print_json({"proxies": rows})
        return
    print_table(
        ("proxy", "what it measures", "better", "needs", "reference"),
        [
            (
                f"{row['name']} *" if row["default"] else row["name"],
                row["summary"],
                row["better"],
                "\n".join(need for need in ("labels", "gradients") if row[need]) or "-",
                row["reference"],
            )
            for row in rows
        ],
    )
    click.echo("* runs where neither you nor the space name one (`nasproxy spaces`)")


@click.command("spaces")
@json_option
def spaces_command(as_json: bool) -> None:
    """List the search spaces: how many architectures, and how one is written."""
    from nasproxy import spaces
    from nasproxy.proxies import default_of

    rows: list[dict[str, Any]] = []
    for name in spaces.names():
        space = spaces.get(name)
        example = next(iter(space.architectures())) if space.size else None
        rows.append(
            {
                "name": name,
                "architectures": space.size,
                "input": list(space.input_shape),
                "default_proxies": list(default_of(space)),
                "dimensions": {k: list(v) for k, v in space.dimensions().items()},
                "example": None if example is None else str(example),
            }
        )
    if as_json:
        print_json({"spaces": rows})
        return
    print_table(
        ("space", "architectures", "input", "proxies by default", "an architecture"),
        [
            (
                r["name"],
                r["architectures"],
                " x ".join(map(str, r["input"])),
                "\n".join(r["default_proxies"]),
                r["example"],
            )
            for r in rows
        ],
    )


@click.command("benchmarks")
@json_option
def benchmarks_command(as_json: bool) -> None:
    """List the benchmark tables: what they know, and whether they are here."""
    from nasproxy import benchmarks
    from zerocost.errors import ZerocostError

    rows: list[dict[str, Any]] = []
    for name in benchmarks.names():
        try:
            table = benchmarks.get(name)
        except ZerocostError as error:
            rows.append({"name": name, "here": False, "next": error.hint or error.wrong})
        else:
            rows.append(
                {
                    "name": name,
                    "here": True,
                    "space": table.space,
                    "architectures": len(table),
                    "targets": list(table.targets),
                    "reference": table.reference,
                }
            )
    if as_json:
        print_json({"benchmarks": rows})
        return
    print_table(
        ("benchmark", "space", "architectures", "targets", "from"),
        [
            (r["name"], r["space"], r["architectures"], ", ".join(r["targets"]), r["reference"])
            if r["here"]
            else (r["name"], "-", None, "-", f"not here: {r['next']}")
            for r in rows
        ],
    )
