"""The gradient of the summed outputs by the inputs of each sample."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.tracing.subject import differentiated

__all__ = ["InputLeaves"]


class InputLeaves:
    """What a Jacobian is taken by: the float inputs, and the embeddings of token ids.

    Token ids have no gradient, so the Jacobian of such a network is that at the outputs of its
    embeddings.
    """

    def __init__(self, batch: Batch) -> None:
        self._samples = batch.size
        self._leaves: list[Tensor] = []
        self._one_id_each = any(
            tensor.shape == (self._samples,) and not tensor.is_floating_point()
            for tensor in batch.tensors
        )
        self.batch = self._differentiable(batch)

    def _differentiable(self, batch: Batch) -> Batch:
        def leaf(tensor: Tensor) -> Tensor:
            if not tensor.is_floating_point() or tensor.shape[:1] != (self._samples,):
                return tensor
            self._leaves.append(tensor.detach().requires_grad_())
            return self._leaves[-1]

        return batch.mapped(leaf)

    def embedded(self, module: nn.Module, inputs: object, output: object) -> Tensor | None:
        """Take the output of an embedding as a leaf; what stands in for it in the network."""
        if not isinstance(module, nn.Embedding | nn.EmbeddingBag):
            return None
        if not isinstance(output, Tensor) or output.shape[:1] != (self._samples,):
            return None
        # A sequence as long as the batch is large would pass for samples with one id each.
        if not self._one_id_each and _counts_up(inputs):
            return None
        self._leaves.append(output if output.requires_grad else output.requires_grad_())
        # A copy, since the network may add positions to it in place, which no leaf allows.
        return output.clone()

    def jacobian(self, predicted: Tensor, *, retain_graph: bool) -> Float[Tensor, "n d"]:
        r"""$J_i = \partial \sum_{k} f_k / \partial x_i$, a row a sample, flattened.

        Raises:
            NasproxyError: there is nothing to differentiate by, or the output does not depend on
                it, or a gradient is not finite.
        """
        if not self._leaves:
            raise NasproxyError(
                "the network has neither float inputs nor embeddings to differentiate by",
                accepted="float inputs [n, ...], or token ids [n, t] that an nn.Embedding reads",
            )
        rows: list[Tensor] = []
        if predicted.requires_grad:
            found = differentiated(predicted.sum(), self._leaves, retain_graph=retain_graph)
            rows = [g.reshape(self._samples, -1) for g in found if g is not None]
        if not rows:
            raise NasproxyError(
                "the output does not depend on the inputs",
                accepted="a network through which a signal passes from the input to the output",
            )
        jacobian = torch.cat(rows, dim=1)
        if not bool(torch.isfinite(jacobian).all()):
            raise NasproxyError(
                "the gradient by the inputs is not finite",
                accepted="a network whose gradients are finite on this batch",
                hint="check its initialisation and that the inputs are normalised",
            )
        return jacobian


def _counts_up(inputs: object) -> bool:
    """Whether what is embedded is positions, one after the other."""
    ids = inputs[0] if isinstance(inputs, tuple) and inputs else None
    if not isinstance(ids, Tensor) or ids.ndim != 1:
        return False
    return bool((ids.diff() == 1).all())
