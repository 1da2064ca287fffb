"""Small scorers that other processes can import."""

import math
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataselect.scorers.scorer import Column

LENGTH_COLUMN = Column(
    name="own_length",
    kind="int64",
    unit="characters",
    low=0.0,
    high=math.inf,
    direction=0,
    definition="code points of the text",
    source="these tests",
)


@dataclass(frozen=True)
class Length:
    """The characters of a text, slowly where asked."""

    seconds_a_batch: float = 0.0
    name: str = "length"
    fingerprint: str = "1"
    columns: tuple[Column, ...] = field(default=(LENGTH_COLUMN,))

    def score(self, batch: Any) -> Any:
        time.sleep(self.seconds_a_batch)
        lengths = pc.utf8_length(batch.column("text")).cast(pa.int64())
        return pa.RecordBatch.from_arrays([lengths], names=[self.columns[0].name])


@dataclass(frozen=True)
class Deadly(Length):
    """Kills the process that scores, once, where a file says so; counts its calls in another."""

    marker: str = ""
    calls: str = ""

    def score(self, batch: Any) -> Any:
        with Path(self.calls).open("a") as stream:
            stream.write("x")
        if Path(self.marker).exists():
            Path(self.marker).unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().score(batch)
