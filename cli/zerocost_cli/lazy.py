"""A command group that imports a sub-command when it is called, so that help is instant."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast

import click

from zerocost.errors import did_you_mean

__all__ = ["LazyGroup"]


class LazyGroup(click.Group):
    """Sub-commands by name -> (module, one line of help); each module has ``command``."""

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order they were given."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the sub-command of a name."""
        if cmd_name not in self._lazy:
            return None
        path, _, attribute = self._lazy[cmd_name][0].partition(":")
        return cast(click.Command, getattr(import_module(path), attribute or "command"))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Offer the nearest names where one does not exist."""
        if args and args[0] not in self._lazy and not args[0].startswith("-"):
            hint = did_you_mean(args[0], self._lazy)
            ctx.fail(
                f"there is no command {args[0]!r}\n  accepted: {', '.join(self._lazy)}"
                + (f"\n  next: {hint}" if hint else "")
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Print the one-line helps without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._lazy.items()])
