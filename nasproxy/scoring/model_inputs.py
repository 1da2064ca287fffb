"""What the network of an entry takes: one input, or several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nasproxy.errors import NasproxyError

if TYPE_CHECKING:
    from nasproxy.scoring.model_list import Model

__all__ = ["Input", "check_inputs"]

_NO_VOCABULARY = "tokens for a factory without a vocabulary"


@dataclass(frozen=True)
class Input:
    """One of several inputs of a network; exactly one of the first three is there.

    Attributes:
        shape: of one sample: three numbers for images, other shapes for noise.
        tokens: the length of a sequence of token ids.
        ones: the shape of a mask that hides nothing, whole numbers.
        vocabulary: token ids are below this; of a Hugging Face model its ``vocab_size``.
    """

    shape: list[int] | None = None
    tokens: int | None = None
    ones: list[int] | None = None
    vocabulary: int | None = None


def check_inputs(model: Model, wrong: Callable[[str, str], NasproxyError]) -> None:
    """An entry says in exactly one way what its network takes.

    Args:
        model: the entry.
        wrong: makes an error of what is wrong and what is accepted, with the entry's place.

    Raises:
        NasproxyError: it does not, or a shape or a number is impossible.
    """
    kinds = {
        "an input shape": model.input, "a number of tokens": model.tokens,
        "several inputs": model.inputs,
    }  # fmt: skip
    stated = [name for name, value in kinds.items() if value is not None]
    if len(stated) != 1:
        raise wrong(
            "it has " + (" and ".join(stated) or "no input shape and no number of tokens"),
            "one of input = [3, 32, 32], tokens = 128 and inputs = { ... }",
        )
    if model.input is not None:
        _check_shape(model.input, "input", wrong)
    if model.tokens is not None and model.factory is not None and model.vocabulary is None:
        raise wrong(_NO_VOCABULARY, "vocabulary = 30522: token ids are drawn below it")
    if model.inputs is None:
        return
    if not model.inputs:
        raise wrong("inputs is empty", "one input or more")
    named = model.inputs if isinstance(model.inputs, dict) else dict(enumerate(model.inputs, 1))
    for name, one in named.items():
        ways = [key for key in ("shape", "tokens", "ones") if getattr(one, key) is not None]
        if len(ways) != 1:
            raise wrong(
                f"the input {name!r} has " + (" and ".join(ways) or "no shape, tokens or ones"),
                "one of shape = [3, 32, 32], tokens = 128 and ones = [128]",
            )
        for key in ("shape", "ones"):
            if getattr(one, key) is not None:
                _check_shape(getattr(one, key), f"input {name!r}", wrong, images=key == "shape")
        if one.tokens is not None and model.factory is not None and one.vocabulary is None:
            raise wrong(f"{_NO_VOCABULARY}, input {name!r}", "vocabulary = 30522")
        for key in ("tokens", "vocabulary"):
            if getattr(one, key) is not None and getattr(one, key) < 1:
                raise wrong(f"{key} = {getattr(one, key)} of the input {name!r}", "1 or more")


def _check_shape(
    shape: list[int],
    name: str,
    wrong: Callable[[str, str], NasproxyError],
    *,
    images: bool = True,
) -> None:
    if not shape or min(shape) < 1:
        raise wrong(f"the {name} shape {shape}", "one or more positive numbers")
    if images and len(shape) == 3 and shape[1] != shape[2]:
        raise wrong(f"the images {shape} are not square", "equal height and width")
