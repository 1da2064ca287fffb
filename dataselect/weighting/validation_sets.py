"""The validation sets that losses are measured on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dataselect.errors import DataselectError
from zerocost.files import sha256_of

__all__ = ["content_of", "read_validation", "validation_named"]


def validation_named(given: Mapping[str, str] | Sequence[str]) -> dict[str, Path]:
    """Sets by name from NAME=FILE, or FILE, which its own name without the suffix stands for.

    Raises:
        DataselectError: two sets of one name.
    """
    if isinstance(given, Mapping):
        return {name: Path(path) for name, path in given.items()}
    found: dict[str, Path] = {}
    for text in [given] if isinstance(given, str) else given:
        name, equals, path = text.partition("=")
        own = Path(path)
        if not equals or Path(text).exists():  # a folder may be called lang=en
            own = Path(text)
            name = own.name.split(".")[0]
        if not name or not own.name:
            raise DataselectError(
                f"the validation set {text!r} is not NAME=FILE", accepted="a name and a file"
            )
        if name in found:
            raise DataselectError(
                f"two validation sets are called {name!r}",
                accepted="a name each",
                hint="--validation NAME=FILE",
            )
        found[name] = own
    return found


def read_validation(sets: Mapping[str, Path], options: Any) -> dict[str, list[str]]:
    """The documents of validation sets.

    Args:
        sets: files by the name of the set.
        options: a `ReadOptions`.

    Raises:
        DataselectError: there is none, a file cannot be read, or one holds no document.
    """
    from dataselect.corpus import find_corpus, read_parts

    if not sets:
        raise DataselectError(
            "there is no validation set",
            accepted="one or more",
            hint="--validation NAME=FILE, documents that the selection is to be good for",
        )
    found: dict[str, list[str]] = {}
    for name, path in sets.items():
        texts: list[str] = []
        for source in find_corpus([str(path)]):
            for part in read_parts(source, options):
                texts += [text for text in part.batch.column("text").to_pylist() if text]
        if not texts:
            raise DataselectError(
                f"the validation set {name!r}, {path}, holds no document with text",
                accepted=f"documents with a column or field {options.text!r}",
            )
        found[name] = texts
    return found


def content_of(path: Path) -> str | list[str]:
    """The hash of a file; of a folder or a glob those of all its files, in their order.

    Raises:
        DataselectError: there is no such file.
    """
    if path.is_file():
        return sha256_of(path)
    from dataselect.corpus import find_corpus
    from dataselect.corpus.streams import sha256_of_address

    files = [file for source in find_corpus([str(path)]) for file in source.files]
    return [sha256_of_address(file.address) for file in files]
