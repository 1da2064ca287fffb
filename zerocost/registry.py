"""Names for the command line: built-in entries, installed entry points, ``pkg.module:object``."""

from __future__ import annotations

import fnmatch
import importlib
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar, cast

from zerocost.errors import ZerocostError, did_you_mean

__all__ = ["Registry", "load_object"]

T = TypeVar("T")


class Registry(Generic[T]):
    """Finds an object by name, importing its module only when it is asked for.

    Library code takes objects; only commands and configuration files use names. A third party
    adds a name by declaring an entry point in ``group``, without editing this project.

    Args:
        kind: what is registered, as messages call it ("proxy").
        group: the entry-point group ("nasproxy.proxies").
        builtin: name -> "package.module:attribute".
        error: the package's exception type.
        listing: the command that lists the names, offered in messages.
    """

    def __init__(
        self,
        kind: str,
        *,
        group: str,
        builtin: Mapping[str, str],
        error: type[ZerocostError] = ZerocostError,
        listing: str | None = None,
    ) -> None:
        self.kind = kind
        self.group = group
        self._builtin = dict(builtin)
        self._error = error
        self._listing = listing

    def names(self, pattern: str = "*") -> list[str]:
        """The registered names that match a shell pattern: built-in ones first, then plug-ins."""
        plugged = sorted(name for name in self._plugins() if name not in self._builtin)
        return fnmatch.filter([*self._builtin, *plugged], pattern)

    def get(self, name: str) -> T:
        """The object of that name.

        Args:
            name: a registered name, or ``pkg.module:object`` for an object of the user's own.

        Raises:
            ZerocostError: the name does not exist (the nearest names are offered), or its module
                cannot be imported.
        """
        if name in self._builtin:
            return cast(T, load_object(self._builtin[name], kind=self.kind, error=self._error))
        if ":" in name:
            return cast(T, load_object(name, kind=self.kind, error=self._error))
        plugins = self._plugins()
        if name in plugins:
            return cast(T, load_object(plugins[name].value, kind=self.kind, error=self._error))
        raise self._unknown(name)

    def _plugins(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.group)}

    def _unknown(self, name: str) -> ZerocostError:
        names = self.names()
        listed = f"`{self._listing}` describes them" if self._listing else None
        return self._error(
            f"there is no {self.kind} named {name!r}",
            accepted=f"{', '.join(names)}, or pkg.module:object",
            hint=" ".join(filter(None, (did_you_mean(name, names), listed))) or None,
        )


def load_object(
    path: str, *, kind: str = "object", error: type[ZerocostError] = ZerocostError
) -> object:
    """Import ``package.module:attribute``.

    Args:
        path: where the object is.
        kind: what it should be, for messages.
        error: the exception type to raise.

    Raises:
        ZerocostError: the path is not of that form, the module fails to import, or it has no such
            attribute (the nearest are offered).
    """
    module_name, _, attribute = path.partition(":")
    if not module_name or not attribute:
        raise error(f"{path!r} does not name a {kind}", accepted="pkg.module:object")
    try:
        module = importlib.import_module(module_name)
    except Exception as cause:  # whatever the user's module raises while it is imported
        raise error(
            f"{module_name!r}, the module of the {kind} {path!r}, cannot be imported: "
            f"{type(cause).__name__}: {cause}",
            accepted="a module that Python finds from this folder or among the installed packages",
            hint=f'python -c "import {module_name}" shows the whole error',
        ) from cause
    found: object = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            public = [name for name in vars(module) if not name.startswith("_")]
            raise error(
                f"the module {module_name!r} has no {attribute!r}",
                accepted=f"a {kind} defined there",
                hint=did_you_mean(part, public),
            )
        found = getattr(found, part)
    return found
