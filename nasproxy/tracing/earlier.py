"""What networks of one space have in common is computed once.

Candidates that begin with the same layers compute the same in them: their parameters are drawn by
name, and they see the same batch. A space says so by an attribute of the networks that it builds
to be read, ``signatures``: path of a module, or name of a parameter -> text. Two modules of equal
signature return equal tensors for equal arguments in evaluation mode, two parameters of equal
signature are equal. A module whose signature and arguments came before then need not be called.

A signature counts for parameters as they were built: one that somebody wrote to since, or that was
brought to another dtype or device, is another. (A parameter whose ``data`` was replaced by numbers
of the same dtype looks as before: build such networks without signatures.)

Arguments are compared by name and not by identity: a tensor that such a module returned is named
after the module and its arguments, any other after its own bytes. So it makes no difference
whether something was kept, or dropped and computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from nasproxy.recent import Recent
from nasproxy.tracing.feed_forward_places import Place
from nasproxy.tracing.parts import Parts
from nasproxy.tracing.spectrum import triangle_of

__all__ = ["EarlierCalls", "EarlierResults", "Returned", "SeenWithin", "signatures_of"]

_OUTPUTS = 2**28
_SPECTRA = 2**24
_TRIANGLES = 2**25

Name = bytes
"""Of what a tensor holds; equal names, equal tensors."""

SeenWithin = Callable[[str, Mapping[Place, Float64[np.ndarray, " k"]]], bool]
"""A module's path and the spectra within it that are known -> whether these are all wanted."""


@dataclass(frozen=True)
class Returned:
    """What a module returned.

    Attributes:
        output: the tensor, to be read.
        version: of the tensor; another one later says that somebody wrote to it.
        spectra: place within the module -> the name of the spectrum there.
    """

    output: Tensor
    version: int
    spectra: Mapping[Place, Name]


@dataclass(frozen=True)
class EarlierResults:
    """What was computed for the networks before, the recent of it up to a number of bytes.

    Attributes:
        outputs: of modules, by signature and arguments.
        spectra: by what they are the spectra of.
        triangles: of weights, by signature; see `nasproxy.tracing.spectrum.triangle_of`.
    """

    outputs: Recent[Returned] = field(default_factory=lambda: Recent(_OUTPUTS))
    spectra: Recent[Float64[np.ndarray, " k"]] = field(default_factory=lambda: Recent(_SPECTRA))
    triangles: Recent[Float64[np.ndarray, "d d"]] = field(
        default_factory=lambda: Recent(_TRIANGLES)
    )


class EarlierCalls:
    """Lets the modules of one network return what modules of their signature returned before.

    Args:
        signatures: of its modules and parameters; none to leave no call out.
        results: what is known, and is added to.
    """

    def __init__(self, signatures: Mapping[str, str], results: EarlierResults) -> None:
        self._signatures = signatures
        self._results = results
        self._named: dict[int, tuple[Tensor, int, Name]] = {}  # tensors kept, so that ids last
        self._calls: list[tuple[Name, dict[Place, Name]]] = []  # that are being made
        self._spectra: dict[Place, Name] = {}

    @contextmanager
    def left_out(self, parts: Parts, seen_within: SeenWithin) -> Iterator[None]:
        """Within, calls that came before are left out; afterwards the network is as it was.

        Args:
            parts: of the network.
            seen_within: asked before a call is left out; what it raises ends the network's call.
        """
        changed = []
        try:
            for path in self._signatures.keys() & parts.modules.keys():
                module = parts.modules[path]
                if "forward" not in vars(module):  # its owner's is left alone
                    module.forward = self._remembered(path, module.forward, seen_within)
                    changed.append(module)
            yield
        finally:
            for module in changed:
                del module.forward

    def spectrum(
        self, place: Place, features: Tensor, mask: Tensor | None
    ) -> Float64[np.ndarray, " k"] | None:
        """The spectrum at a place, if that of these features is known."""
        weight = self._signatures.get(place.product.weight)
        came = self._came(features)
        if came is not None and weight is not None:
            parts: list[str | Name] = [came, weight]
        elif self._calls:  # the call's name stands for all that is within it
            parts = [self._calls[-1][0], place.product.node]
        else:
            return None
        masked = (self._name(mask) or b"") if place.masked else b""
        name = _digest(*parts, f"{place.side} {place.through}", masked)
        self._spectra[place] = name
        for _, within in self._calls:
            within[place] = name
        return self._results.spectra.get(name)

    def keep_spectrum(self, place: Place, eigenvalues: Float64[np.ndarray, " k"]) -> None:
        """Keep what `spectrum` did not know."""
        if place in self._spectra:
            self._results.spectra.keep(self._spectra[place], eigenvalues, eigenvalues.nbytes)

    def triangle(self, place: Place, matrix: Tensor) -> Float64[np.ndarray, "d d"]:
        """The triangle of the weight at a place."""
        signature = self._signatures.get(place.product.weight)
        known = None if signature is None else self._results.triangles.get(signature)
        if known is not None:
            return known
        found = triangle_of(matrix.double().cpu().numpy())
        if signature is not None:
            self._results.triangles.keep(signature, found, found.nbytes)
        return found

    def _remembered(
        self, path: str, forward: Callable[..., Any], seen_within: SeenWithin
    ) -> Callable[..., Any]:
        signature = self._signatures[path]

        def remembered(*args: Any, **kwargs: Any) -> Any:
            names = [self._name(value) for value in (*args, *kwargs.values())]
            if None in names:  # an argument of a kind that has no name
                return forward(*args, **kwargs)
            call = _digest(
                signature, str(list(kwargs)), *(name for name in names if name is not None)
            )
            before = self._results.outputs.get(call)
            if (
                before is not None
                and before.output._version == before.version
                and seen_within(path, self._known(before.spectra))
            ):
                for _, within in self._calls:
                    within.update(before.spectra)
                return self._note(before.output, call)
            spectra: dict[Place, Name] = {}
            self._calls.append((call, spectra))
            try:
                output = forward(*args, **kwargs)
            finally:
                self._calls.pop()
            if not isinstance(output, Tensor):
                return output
            kept = Returned(output, output._version, spectra)
            self._results.outputs.keep(call, kept, output.nbytes)
            return self._note(output, call)

        return remembered

    def _known(self, names: Mapping[Place, Name]) -> dict[Place, Float64[np.ndarray, " k"]]:
        found = {place: self._results.spectra.get(name) for place, name in names.items()}
        return {place: spectrum for place, spectrum in found.items() if spectrum is not None}

    def _note(self, output: Tensor, call: Name) -> Tensor:
        self._named[id(output)] = (output, output._version, call)
        return output

    def _came(self, value: Tensor) -> Name | None:
        """The name of what a call returned and nobody wrote to since."""
        _, version, call = self._named.get(id(value), (None, None, None))
        return call if version == value._version else None

    def _name(self, value: object) -> Name | None:
        if value is None:
            return b""
        if isinstance(value, bool | int | float | str):
            return _digest(repr(value))
        if not isinstance(value, Tensor):
            return None
        came = self._came(value)
        if came is not None:
            return came
        content = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        return _digest(f"{value.dtype} {tuple(value.shape)} {value.device}", content.tobytes())


def signatures_of(parts: Parts) -> dict[str, str]:
    """The signatures of a network's modules and parameters, with the state of the parameters."""
    given: Mapping[str, str] = getattr(parts.network, "signatures", {})
    states: dict[str, list[str]] = {name: [] for name in given}
    for name, tensor in (*parts.parameters.items(), *parts.buffers.items()):
        state = f"{name} {tensor.dtype} {tensor.device} {tensor._version}"
        steps = name.split(".")
        for depth in range(1, len(steps) + 1):
            within = states.get(".".join(steps[:depth]))
            if within is not None:
                within.append(state)
    return {name: f"{text} {states[name]}" for name, text in given.items()}


def _digest(*parts: str | bytes) -> Name:
    digest = blake2b(digest_size=16)
    for part in parts:
        encoded = part.encode() if isinstance(part, str) else part
        digest.update(len(encoded).to_bytes(8, "little"))  # where one ends and the next begins
        digest.update(encoded)
    return digest.digest()
