"""``einsum`` of inputs and a weight, read as rows times a matrix."""

from __future__ import annotations

from dataclasses import dataclass, replace
from string import ascii_letters

from torch import Tensor

__all__ = ["Contraction", "contraction"]


@dataclass(frozen=True)
class Contraction:
    """Which indices of an equation are what; each is one letter.

    Attributes:
        inputs: of the inputs.
        weight: of the weight.
        output: of the output.
        summed: the features that go in, in both factors and not in the output.
        made: the features that come out, in the weight and the output.
        kept: the rows, in the inputs and the output.
        expert: the index that says which matrix of the weight; "" where it is one matrix.
    """

    inputs: str
    weight: str
    output: str
    summed: str
    made: str
    kept: str
    expert: str

    def rows(self, inputs: Tensor) -> Tensor:
        """The inputs, features last."""
        return _ordered(inputs, self.inputs, self.kept, self.summed)

    def features(self, out: Tensor) -> Tensor:
        """The outputs, features last."""
        return _ordered(out, self.output, self.kept, self.made)

    def matrix(self, weight: Tensor) -> Tensor:
        """The weight as ``[out, in]``."""
        order = [self.weight.index(letter) for letter in self.made + self.summed]
        turned = weight.permute(order)
        return turned.flatten(0, len(self.made) - 1).flatten(1)

    def taken(self, tensor: Tensor, letters: str, expert: int) -> Tensor:
        """What is of one expert, of a tensor with these indices."""
        at = letters.find(self.expert)
        return tensor if at < 0 else tensor.select(at, expert)

    def of_one(self) -> Contraction:
        """The same of one matrix, the expert's index taken."""
        inputs, weight, output = (
            part.replace(self.expert, "") for part in (self.inputs, self.weight, self.output)
        )
        return replace(self, inputs=inputs, weight=weight, output=output, expert="")


def _ordered(tensor: Tensor, letters: str, rows: str, features: str) -> Tensor:
    turned = tensor.permute([letters.index(letter) for letter in rows + features])
    return turned.flatten(len(rows))


def contraction(
    equation: str, inputs: int, weight: int, *, weight_first: bool
) -> Contraction | None:
    """Read an equation of two factors; None where it is no product of rows and a matrix.

    The expert's index is one that both factors and the output have, or that the weight begins with
    and the inputs lack.

    Args:
        equation: of ``einsum``, with ``->``.
        inputs: the dimensions of the inputs.
        weight: the dimensions of the weight.
        weight_first: whether the weight is the left factor.
    """
    left, arrow, output = equation.replace(" ", "").partition("->")
    factors = left.split(",")
    if not arrow or len(factors) != 2:
        return None
    of_inputs, of_weight = factors[::-1] if weight_first else factors
    unused = "".join(letter for letter in ascii_letters if letter not in equation)
    dots = unused[: max(0, inputs - len(of_inputs) + 3)] if "..." in of_inputs else ""
    of_inputs, output = of_inputs.replace("...", dots), output.replace("...", dots)
    if len(of_inputs) != inputs or len(of_weight) != weight or "." in of_weight:
        return None
    both = [letter for letter in of_inputs if letter in of_weight]
    summed = "".join(letter for letter in both if letter not in output)
    expert = "".join(letter for letter in both if letter in output)
    made = "".join(letter for letter in of_weight if letter not in of_inputs)
    if not expert and weight > 2 and of_weight[0] == made[:1] != made:
        expert, made = made[0], made[1:]
    kept = "".join(letter for letter in of_inputs if letter not in summed + expert)
    whole = set(made + kept + expert) == set(output) and len(set(output)) == len(output)
    if not (summed and made and whole) or len(expert) > 1:
        return None
    return Contraction(of_inputs, of_weight, output, summed, made, kept, expert)
