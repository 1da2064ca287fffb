"""The scorer `language:CODES`: how probable it is that a document is in a language."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dataselect.errors import DataselectError
from dataselect.scorers.scorer import Column
from zerocost.errors import did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Language"]

_CHARACTERS = 10_000
_SOURCE = "py3langid"


@dataclass(frozen=True)
class Language:
    """How probable it is that each document is in these languages, by py3langid.

    The model is in the package; nothing is downloaded. The beginning of a document decides, its
    first 10,000 characters.

    Attributes:
        languages: their ISO 639-1 codes, with + between them: "en", "en+de".
    """

    languages: str
    name: str = field(default="language", init=False)

    def __post_init__(self) -> None:
        known = _identifier().labels
        codes = self._codes()
        for code in codes:
            if code not in known:
                raise DataselectError(
                    f"there is no language {code!r} in language:{self.languages}",
                    accepted=f"codes with + between them: {', '.join(sorted(known))}",
                    hint=did_you_mean(code, known) or "--scorers language:en",
                )
        if len(set(codes)) < len(codes):
            raise DataselectError(
                f"a language is given twice in language:{self.languages}", accepted="each once"
            )

    @property
    def columns(self) -> tuple[Column, ...]:
        """The probability of each language asked for, and that of the likeliest of all."""
        return (
            *(
                Column(
                    f"language_{code}", "float64", "probability", 0.0, 1.0, 1,
                    f"probability that the text is in the language {code}", _SOURCE,
                )
                for code in self._codes()
            ),
            Column(
                "language_certainty", "float64", "probability", 0.0, 1.0, 1,
                "probability of the likeliest language, whichever it is", _SOURCE,
            ),
        )  # fmt: skip

    @property
    def fingerprint(self) -> str:
        """The languages, and the version of the package and its model."""
        from importlib.metadata import version

        text = repr((version("py3langid"), self.languages, _CHARACTERS))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The probabilities of a batch; null where a document has no letter."""
        import pyarrow as pa

        identifier = _identifier()
        rows: list[list[float] | None] = []
        raw = batch.column("text").cast(pa.large_string()).cast(pa.large_binary()).to_pylist()
        for text in raw:
            start = b"" if text is None else text[: 4 * _CHARACTERS]
            document = start.decode("utf-8", "replace")[:_CHARACTERS]
            if not any(map(str.isalpha, document)):
                rows.append(None)
                continue
            found = dict(identifier.rank(document))
            rows.append([*(found[code] for code in self._codes()), max(found.values())])
        arrays = [
            pa.array([None if row is None else row[k] for row in rows], pa.float64())
            for k in range(len(self.columns))
        ]
        return pa.RecordBatch.from_arrays(arrays, names=[column.name for column in self.columns])

    def _codes(self) -> list[str]:
        return self.languages.split("+")


@lru_cache(maxsize=1)
def _identifier() -> Any:
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError as cause:
        raise DataselectError(
            "identifying languages needs the library py3langid",
            accepted="the extra raters",
            hint="pip install 'zerocost[raters]'",
        ) from cause
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
