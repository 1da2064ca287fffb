"""nasproxy data list, fetch, verify, where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from zerocost_cli.nasproxy.options import json_option
from zerocost_cli.printing import print_json, print_table, progress

__all__ = ["command"]


@click.group("data")
def command() -> None:
    """Data that is downloaded once and checked: images and benchmark tables."""


@command.command("list", short_help="List what can be fetched, and what is here.")
@json_option
def list_command(as_json: bool) -> None:
    """What can be fetched, and what is here."""
    from nasproxy import data

    rows: list[dict[str, Any]] = [
        {
            "name": data_set.name,
            "here": [str(path) for path in data.present(data_set)],
            "files": [
                {"name": f.name, "bytes": f.bytes, "sha256": f.sha256, "licence": f.licence}
                for f in data_set.files
            ],
            "description": data_set.files[0].description,
        }
        for data_set in data.list_data()
    ]
    if as_json:
        print_json({"data": rows, "where": str(data.where())})
        return
    print_table(
        ("name", "here", "MB", "what", "licence"),
        [
            (
                row["name"],
                "yes" if row["here"] else "no",
                f"{sum(f['bytes'] for f in row['files']) / 1e6:.1f}",
                row["description"],
                row["files"][0]["licence"],
            )
            for row in rows
        ],
        title=f"in {data.where()}",
    )


@command.command("fetch", short_help="Download a data set and check it.")
@click.argument("name")
@json_option
def fetch_command(name: str, as_json: bool) -> None:
    """Download a data set, checked by its SHA-256; what is here already is only checked."""
    from nasproxy import data

    with progress(f"fetching {name}, %", 100) as advance:

        def downloaded(done: int, total: int) -> None:
            advance(100 * done // total, f"{done / 1e6:.1f} of {total / 1e6:.1f} MB")

        paths = data.fetch(name, progress=downloaded)
    if as_json:
        print_json({"name": name, "files": [str(path) for path in paths]})
        return
    for path in paths:
        click.echo(f"{path}: here and intact")


@command.command("verify", short_help="Compare the files that are here with their SHA-256.")
@click.argument("names", nargs=-1)
@json_option
def verify_command(names: tuple[str, ...], as_json: bool) -> None:
    """Compare the files that are here with their SHA-256; exit 1 where one differs."""
    from nasproxy import data

    checks = data.verify(names or None)
    if as_json:
        print_json(
            {
                "files": [
                    {"data": c.data_set, "path": str(c.path), "problem": c.problem} for c in checks
                ]
            }
        )
    else:
        for check in checks:
            click.echo(f"{check.path}: {check.problem or 'intact'}")
        if not checks:
            click.echo(f"nothing is in {data.where()} yet")
    if any(check.problem for check in checks):
        raise SystemExit(1)


@command.command("where", short_help="Print the folder that holds the data.")
@json_option
def where_command(as_json: bool) -> None:
    """The folder that holds the data; ZEROCOST_DATA_DIR moves it."""
    from nasproxy import data

    if as_json:
        print_json({"where": str(data.where())})
        return
    click.echo(data.where())


@command.command("convert", short_help="Make a small table of an official file, once.")
@click.argument("name", type=click.Choice(["nasbench201-official"]))
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--allow-pickle", is_flag=True, help="Read the file, though it could run code.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier conversion.")
@json_option
def convert_command(
    name: str, path: Path, allow_pickle: bool, overwrite: bool, as_json: bool
) -> None:
    """Make a small table of an official file, once.

    The official file of NAS-Bench-201 is a pickle, and opening a pickle runs whatever its maker
    put there: it is read only with --allow-pickle. The table made of it holds numbers alone.
    """
    from nasproxy.benchmarks.official import convert
    from zerocost.files import sha256_of

    made = convert(path, allow_pickle=allow_pickle, overwrite=overwrite)
    if as_json:
        print_json({"name": name, "file": str(made), "sha256": sha256_of(made)})
        return
    click.echo(f"{made}: sha256 {sha256_of(made)}")
    click.echo(f"next: --benchmark {name}")
