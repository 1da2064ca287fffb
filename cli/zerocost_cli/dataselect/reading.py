"""The options of commands that read a corpus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zerocost_cli.dataselect.sizes import SIZE

if TYPE_CHECKING:
    from dataselect.corpus import ReadOptions

__all__ = ["read_options", "reading_options", "reference_options", "say_rejected"]

F = TypeVar("F", bound=Callable[..., Any])

_TEXT = click.option("--text-column", default="text", show_default=True, help="Where the text is.")
_LOSSY = click.option(
    "--lossy",
    is_flag=True,
    help="Put U+FFFD for what is no UTF-8; take NaN and raw control characters in JSON.",
)
_LARGEST = click.option(
    "--max-document-bytes",
    type=SIZE,
    default="64M",
    show_default=True,
    help="Longer lines and texts are passed over, unread.",
)
_OPTIONS = (
    _TEXT,
    click.option(
        "--id-column", default="id", show_default=True, help="A document's own name, if it has one."
    ),
    click.option(
        "--domain-column", default="domain", show_default=True, help="Its domain, if it has one."
    ),
    click.option("--strict", is_flag=True, help="Stop at the first row that is no document."),
    _LOSSY,
    _LARGEST,
    click.option(
        "--part-bytes",
        type=SIZE,
        default="32M",
        show_default=True,
        help="How much of the corpus is worked on, and kept, as one.",
    ),
)


def reading_options(command: F) -> F:
    """Add the options to a command; `read_options` makes one object of them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def reference_options(command: F) -> F:
    """Add those that matter where only text is read; `read_options` takes these, too."""
    for option in (_LARGEST, _LOSSY, _TEXT):
        command = option(command)
    return command


def read_options(arguments: dict[str, Any]) -> ReadOptions:
    """How the corpus is read, from a command's arguments."""
    from dataselect.corpus import ReadOptions

    others = {"id": "id_column", "domain": "domain_column", "part_bytes": "part_bytes"}
    return ReadOptions(
        text=arguments["text_column"],
        lossy=arguments["lossy"],
        max_document_bytes=arguments["max_document_bytes"],
        **{name: arguments[key] for name, key in others.items() if key in arguments},
    )


def say_rejected(rejected: Mapping[str, int]) -> None:
    """Print how many rows are no documents, where any are."""
    if rejected:
        reasons = ", ".join(f"{reason} {rows:,}" for reason, rows in sorted(rejected.items()))
        click.echo(f"Rows that are no documents were passed over: {reasons}")
