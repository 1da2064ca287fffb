"""The sizes of the network around the cells, which the build and the counts share."""

from __future__ import annotations

from dataclasses import dataclass, fields

from nasproxy.errors import NasproxyError

__all__ = ["STAGES", "Skeleton"]

STAGES = 3
"""Stages of cells; each after the first has twice the channels and half the side."""


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Stem, three stages of equal cells with a residual reduction between, classifier.

    Attributes:
        channels: channels C of the first stage; the stages have C, 2C and 4C.
        cells: cells N in each stage.
        classes: how many logits the classifier gives.
        in_channels: channels of an image.
        side: height and width of an image in pixels, a multiple of 4; only the counts of
            operations depend on it.

    Raises:
        NasproxyError: a size that is not a positive integer, or a side that is not a multiple
            of 4 (it is halved twice, and the two branches of a reduction round differently).
    """

    channels: int = 16
    cells: int = 5
    classes: int = 10
    in_channels: int = 3
    side: int = 32

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int) or value < 1:
                raise NasproxyError(
                    f"{field.name} = {value!r} of a nasbench201 network",
                    accepted="a positive integer",
                )
        if self.side % 4:
            raise NasproxyError(
                f"side = {self.side} of the images for a nasbench201 network",
                accepted="a multiple of 4, such as 32 or 16",
                hint="pad or scale the images",
            )

    @property
    def stages(self) -> tuple[tuple[int, int], ...]:
        """Channels and side of each stage: (C, s), (2C, s/2), (4C, s/4)."""
        return tuple((self.channels << k, self.side >> k) for k in range(STAGES))
