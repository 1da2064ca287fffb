"""The argument NAME=FILE of kinds of scorers."""

from __future__ import annotations

import re

from dataselect.errors import DataselectError

__all__ = ["name_and_file"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def name_and_file(argument: str, kind: str, example: str) -> tuple[str, str]:
    """The two halves of NAME=FILE.

    Args:
        argument: as it stands behind ``KIND:``.
        kind: for messages.
        example: a whole scorer, for messages.

    Raises:
        DataselectError: one is missing, or the name cannot be part of a column's.
    """
    name, equals, file = argument.partition("=")
    if not equals or not file or not _NAME.fullmatch(name):
        raise DataselectError(
            f"{kind}:{argument} does not name what is scored and the file of it",
            accepted=f"{kind}:NAME=FILE; a name of letters, digits, '.', '_' and '-'",
            hint=f"--scorers {example}",
        )
    return name, file
