"""The files of a classifier: from the hub or a folder, checked before anything is loaded."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from dataselect.errors import DataselectError
from zerocost.files import sha256_of

__all__ = ["checkpoint_config", "checkpoint_digest", "checkpoint_folder"]

_FILES = ("*.json", "*.safetensors", "*.txt", "*.model")
_HEAD = "ForSequenceClassification"


def checkpoint_folder(name: str) -> Path:
    """The folder of a checkpoint; one of the hub is downloaded, or taken from the cache.

    Args:
        name: a folder, or OWNER/NAME on the hub.

    Raises:
        DataselectError: there is no such folder, nor such a name; or the hub cannot be reached.
    """
    place = Path(name).expanduser()
    if name and place.is_dir():
        return place
    if place.exists() or name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise DataselectError(
            f"there is no folder {name!r}",
            accepted="a folder that save_pretrained wrote, or OWNER/NAME of the Hugging Face hub",
        )
    return _downloaded(name)


def _downloaded(name: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import (
            GatedRepoError,
            HFValidationError,
            LocalEntryNotFoundError,
            RepositoryNotFoundError,
        )
    except ImportError as cause:
        raise _needs_extra() from cause
    try:
        return Path(snapshot_download(name, allow_patterns=list(_FILES)))
    except GatedRepoError as cause:
        raise DataselectError(
            f"{name} is open only to those who have accepted its terms on the hub",
            accepted="a rater that may be downloaded",
            hint=f"accept them on https://huggingface.co/{name}, then: hf auth login",
        ) from cause
    except (RepositoryNotFoundError, HFValidationError) as cause:
        raise DataselectError(
            f"there is neither a folder nor a rater on the Hugging Face hub named {name!r}",
            accepted="a folder that save_pretrained wrote, or OWNER/NAME of the hub",
        ) from cause
    except (LocalEntryNotFoundError, OSError) as cause:
        raise DataselectError(
            f"{name} is not on this machine, and the Hugging Face hub cannot be reached",
            accepted="a network, or a folder with the rater's files",
            hint=f"where there is a network: hf download {name} --local-dir FOLDER; then "
            "rater:hf:FOLDER",
            bad_input=False,
        ) from cause


def checkpoint_config(folder: Path, name: str) -> dict[str, Any]:
    """The configuration of a checkpoint that classifies sequences, with weights in safetensors.

    Raises:
        DataselectError: files are missing, or the model is of another kind.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        raise DataselectError(
            f"{name} has no config.json that can be read",
            accepted="a folder that save_pretrained wrote",
        ) from cause
    made = config.get("architectures") or ["nothing that it says"]
    if not any(str(each).endswith(_HEAD) for each in made):
        raise DataselectError(
            f"{name} is a {', '.join(map(str, made))}, which has no head that rates documents",
            accepted=f"a model whose architecture ends in {_HEAD}",
        )
    if not any(folder.glob("*.safetensors")):
        raise DataselectError(
            f"{name} has no weights in safetensors",
            accepted="safetensors; a .bin is a pickle, which can run anything when it is loaded",
            hint="convert it where you trust it: model.save_pretrained(FOLDER)",
        )
    if not any((folder / file).exists() for file in ("tokenizer.json", "tokenizer_config.json")):
        raise DataselectError(
            f"{name} has no tokenizer",
            accepted="a folder with a tokenizer.json",
            hint="save it there: tokenizer.save_pretrained(FOLDER)",
        )
    return dict(config)


@lru_cache(maxsize=16)
def checkpoint_digest(folder: Path) -> str:
    """16 digits that change whenever a file of the model or the tokenizer does."""
    digest = hashlib.sha256()
    for file in sorted(path for pattern in _FILES for path in folder.glob(pattern)):
        digest.update(f"{file.name} {sha256_of(file)}\n".encode())
    return digest.hexdigest()[:16]


def _needs_extra() -> DataselectError:
    return DataselectError(
        "raters of the hub need the library transformers",
        accepted="the extra raters",
        hint="pip install 'zerocost[raters]'",
    )
