"""An n-gram language model as one table of log probabilities and back-off weights, and its file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64, UInt64

from dataselect.errors import DataselectError
from dataselect.scorers.model_file import load_model, model_digest, save_model
from dataselect.scorers.signals.kernels.unicode_tables import UNICODE

__all__ = ["NgramModel", "NgramSettings", "load_ngram", "save_ngram"]

_KIND, _VERSION = "ngram", 1
_LONGEST = 16
_LOAD = 1.5  # places for each entry


@dataclass(frozen=True)
class NgramSettings:
    """What a model is made of.

    Attributes:
        order: tokens in the longest n-grams.
        unit: "words", ``\\w+|[^\\w\\s]+`` of the lower-cased text; or "bytes" of the text.
        least: n-grams of three tokens or more that occur less often than this in the reference are
            dropped; 2 makes a model of a large text several times smaller.
    """

    order: int = 5
    unit: Literal["words", "bytes"] = "words"
    least: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.order <= _LONGEST:
            raise DataselectError(
                f"n-grams of order {self.order}", accepted=f"1 .. {_LONGEST}; 5 is usual"
            )
        if self.least < 1:
            raise DataselectError(
                f"n-grams that occur at least {self.least} times", accepted="1 or more"
            )


@dataclass(frozen=True, eq=False)
class NgramModel:
    """An interpolated model in back-off form.

    Attributes:
        settings: what it is made of.
        entries: uint64 ``[n-grams, 3]``: key, bits of ln p(last token | tokens before), bits of the
            ln of the back-off weight where the n-gram is a context; in the order of the keys.
        unknown: ln p of a token that the reference does not have, without context.
        about: facts of the training: tokens, lines, n-grams and discounts of each order.
    """

    settings: NgramSettings
    entries: UInt64[np.ndarray, "ngrams 3"]
    unknown: float
    about: dict[str, Any]

    @cached_property
    def table(self) -> tuple[UInt64[np.ndarray, "places 3"], Float64[np.ndarray, "places 3"], int]:
        """The entries with empty places between, the same memory as floats, and how many homes."""
        from dataselect.scorers.ngram.kernels.scoring import spread

        homes = int(_LOAD * len(self.entries)) + 1
        room = homes + 64
        while True:
            table = np.zeros((room, 3), np.uint64)
            used = spread(self.entries, homes, table)
            if 0 <= used < room:  # one empty place ends every search
                return table, table.view(np.float64), homes
            room *= 2

    @cached_property
    def digest(self) -> str:
        """Changes whenever the model does."""
        return model_digest(self._about(), {"entries": self.entries})

    def __getstate__(self) -> dict[str, Any]:
        # Other processes make the table anew.
        return {k: v for k, v in self.__dict__.items() if k != "table"}

    def _about(self) -> dict[str, Any]:
        return {**asdict(self.settings), "unknown": self.unknown, "about": self.about}


def save_ngram(model: NgramModel, path: Path, *, overwrite: bool = False) -> None:
    """Write a model; see `save_model`."""
    about = {**model._about(), "unicode": UNICODE}
    save_model(path, _KIND, _VERSION, about, {"entries": model.entries}, overwrite=overwrite)


def load_ngram(path: Path) -> NgramModel:
    """Read a model.

    Raises:
        DataselectError: see `load_model`.
    """
    about, arrays = load_model(path, _KIND, _VERSION, {"entries": ("uint64", 2)})
    entries = arrays["entries"]
    try:
        units: dict[str, Literal["words", "bytes"]] = {"words": "words", "bytes": "bytes"}
        settings = NgramSettings(int(about["order"]), units[about["unit"]], int(about["least"]))
        unknown = float(about["unknown"])
        if entries.shape[1] != 3 or not len(entries) or not unknown < 0:
            raise ValueError("its entries are no n-grams")
        if np.any(entries[1:, 0] <= entries[:-1, 0]):
            raise ValueError("its entries are not in order")
    except (KeyError, TypeError, ValueError) as cause:
        raise DataselectError(
            f"{path} is damaged: {cause}",
            accepted="a model that `dataselect fit ppl` wrote",
            hint="make it again",
        ) from cause
    return NgramModel(settings, entries, unknown, about["about"])
