"""Normal initial weights drawn by name, the recent ones kept."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn

from nasproxy.recent import Recent

__all__ = ["NormalDraws", "initialise_normal"]

_BYTES = 2**28


class NormalDraws:
    """Tensors of normal numbers that depend on a seed and a name alone.

    Networks of one space share most of their parameters by name and shape, so a ranking that
    draws each of them again spends more time on it than on the networks. What was drawn last is
    kept, up to a number of bytes, and handed out as copies; whether it was kept cannot be told
    from the numbers.

    Args:
        deviation: the standard deviation.
        kept: how many bytes to keep.
    """

    def __init__(self, deviation: float, kept: int = _BYTES) -> None:
        self._deviation = deviation
        self._limit = kept
        self._drawn: Recent[Tensor] = Recent(kept)

    def __call__(
        self, seed: int, name: str, shape: tuple[int, ...], *, shared: bool = False
    ) -> Tensor:
        """A float32 tensor of that shape, on the CPU.

        Args:
            seed: any integer.
            name: of the parameter.
            shape: of the parameter.
            shared: whether the kept tensor itself is handed out, to be read and never written.
        """
        key = (seed, name, shape)
        drawn = self._drawn.get(key)
        if drawn is None:
            drawn = _normal(seed, name, shape, self._deviation)
            self._drawn.keep(key, drawn, drawn.nbytes)
        return drawn if shared else drawn.clone()

    def signature(self, seed: int, name: str, shape: tuple[int, ...]) -> str:
        """Text that is equal for equal draws alone."""
        return f"normal {self._deviation} {seed} {name} {shape}"

    def __getstate__(self) -> tuple[float, int]:
        # A space goes to the scoring processes; what is kept can be drawn there.
        return self._deviation, self._limit

    def __setstate__(self, state: tuple[float, int]) -> None:
        self._deviation, self._limit = state
        self._drawn = Recent(self._limit)


def _normal(seed: int, name: str, shape: tuple[int, ...], deviation: float) -> Tensor:
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
    # 63 bits, because generators take a signed 64-bit seed.
    generator = torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)
    return torch.empty(shape, dtype=torch.float32, device="cpu").normal_(
        0, deviation, generator=generator
    )


def initialise_normal(
    network: nn.Module, draws: NormalDraws, seed: int, *, shared: bool = False
) -> None:
    """Give every linear layer, convolution and embedding on the meta device its numbers.

    Weights are normal, biases and the embedding of the padding token zero.

    Args:
        network: what else it holds stays as it is.
        draws: of the weights.
        seed: any integer.
        shared: whether other networks may hold the same tensors; they must not be written to then.
    """
    for path, module in network.named_modules():
        if not isinstance(module, nn.Linear | nn.Conv1d | nn.Embedding):
            continue
        for name, empty in list(module._parameters.items()):
            if empty is None:
                continue
            if name == "bias":
                drawn = torch.zeros(empty.shape, device="cpu")
            else:
                drawn = draws(seed, f"{path}.{name}", tuple(empty.shape), shared=shared)
            padding = module.padding_idx if isinstance(module, nn.Embedding) else None
            # Written once, or a kept table would look changed every time.
            if padding is not None and bool(drawn[padding].any()):
                drawn[padding] = 0
            module._parameters[name] = nn.Parameter(drawn)
