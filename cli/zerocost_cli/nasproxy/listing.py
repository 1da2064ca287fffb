"""nasproxy proxies, spaces, benchmarks: tables of what there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from zerocost.errors import ZerocostError
from zerocost_cli.nasproxy.options import json_option
from zerocost_cli.printing import print_json, print_table

__all__ = ["benchmarks_command", "proxies_command", "spaces_command"]


@click.command("proxies")
@json_option
def proxies_command(as_json: bool) -> None:
    """List the proxies: what each measures, needs and reads, and where it comes from."""
    from nasproxy.proxies import DEFAULT, get_all, names

    rows: list[dict[str, Any]] = []
    failed: dict[str, str] = {}
    for name in names():
        try:
            (p,) = get_all(name)
        except ZerocostError as error:  # a plug-in that is broken hides no other
            failed[name] = error.wrong
            continue
        rows.append(
            {
                "name": name,
                "summary": p.summary,
                "better": "more" if p.higher_is_better else "less",
                "labels": p.needs_labels,
                "gradients": p.needs_gradients,
                "reads": p.reads,
                "reference": p.reference,
                "default": name in DEFAULT,
            }
        )
    if as_json:
        print_json({"proxies": rows, "failed": failed})
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
    _print_failed(failed)


@click.command("spaces")
@json_option
def spaces_command(as_json: bool) -> None:
    """List the search spaces: how many architectures, and how one is written."""
    from nasproxy import spaces
    from nasproxy.proxies import default_of

    rows: list[dict[str, Any]] = []
    failed: dict[str, str] = {}
    for name in spaces.names():
        try:
            space = spaces.get(name)
        except ZerocostError as error:
            failed[name] = error.wrong
            continue
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
        print_json({"spaces": rows, "failed": failed})
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
    _print_failed(failed)


def _print_failed(failed: Mapping[str, str]) -> None:
    for name, reason in failed.items():
        click.echo(f"{name} cannot be loaded: {reason}", err=True)


@click.command("benchmarks")
@json_option
def benchmarks_command(as_json: bool) -> None:
    """List the benchmark tables: what they know, and whether they are here."""
    from nasproxy import benchmarks

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
