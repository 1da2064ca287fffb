"""The options of commands that read a corpus."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zerocost_cli.dataselect.sizes import SIZE

if TYPE_CHECKING:
    from dataselect.corpus import ReadOptions

__all__ = ["read_options", "reading_options"]

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--text-column", default="text", show_default=True, help="Where the text is."),
    click.option(
        "--id-column", default="id", show_default=True, help="A document's own name, if it has one."
    ),
    click.option(
        "--domain-column", default="domain", show_default=True, help="Its domain, if it has one."
    ),
    click.option("--strict", is_flag=True, help="Stop at the first row that is no document."),
    click.option(
        "--lossy",
        is_flag=True,
        help="Put U+FFFD for what is no UTF-8; take NaN and raw control characters in JSON.",
    ),
    click.option(
        "--max-document-bytes",
        type=SIZE,
        default="64M",
        show_default=True,
        help="Longer lines and texts go to quarantine, unread.",
    ),
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


def read_options(arguments: dict[str, Any]) -> ReadOptions:
    """How the corpus is read, from a command's arguments."""
    from dataselect.corpus import ReadOptions

    return ReadOptions(
        text=arguments["text_column"],
        id=arguments["id_column"],
        domain=arguments["domain_column"],
        lossy=arguments["lossy"],
        max_document_bytes=arguments["max_document_bytes"],
        part_bytes=arguments["part_bytes"],
    )
