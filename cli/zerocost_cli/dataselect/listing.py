"""dataselect scorers: a table of what there is."""

from __future__ import annotations

import click

from zerocost_cli.printing import print_json, print_table

__all__ = ["scorers_command"]


@click.command("scorers")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def scorers_command(as_json: bool) -> None:
    """List the scorers, built in and installed."""
    from dataselect.scorers import get, names

    rows = [{"name": name, "summary": (get(name).__doc__ or "").split("\n")[0]} for name in names()]
    if as_json:
        print_json({"scorers": rows})
        return
    print_table(("scorer", "what it measures"), [(r["name"], r["summary"]) for r in rows])
    if not rows:
        click.echo("No scorer is built in yet; a package adds one by an entry point of the group")
        click.echo("dataselect.scorers.")
