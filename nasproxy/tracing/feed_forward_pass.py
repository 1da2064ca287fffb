"""The pass over feed-forward layers: the spectrum of what their linear layers return."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from nasproxy.errors import NasproxyError
from nasproxy.tracing.earlier import EarlierCalls, EarlierResults
from nasproxy.tracing.feed_forward import Product, Products, Structure, structure_of
from nasproxy.tracing.feed_forward_places import Place, Selection, places_of
from nasproxy.tracing.preserve import preserved
from nasproxy.tracing.records import Pass, Record
from nasproxy.tracing.spectrum import (
    Moments,
    merged,
    moments_of,
    spectrum,
    spectrum_through,
)
from nasproxy.tracing.subject import Subject

__all__ = ["FEED_FORWARD_PASS", "Selection", "SpectraRecord", "feed_forward_structure", "spectra"]

_SAMPLES = 64  # in one call of the network, however many the batch has

_DEFAULT = Selection()

Spectra = Mapping[str, Float64[np.ndarray, " k"]]


@dataclass(frozen=True)
class SpectraRecord(Record[Spectra]):
    """The record of the spectra of a selection of features."""

    selection: Selection = _DEFAULT


def spectra(selection: Selection = _DEFAULT) -> SpectraRecord:
    """Node -> the eigenvalues of the covariance of its features, largest first."""
    return SpectraRecord(
        f"spectra of feed-forward layers: {selection.linears} linear, {selection.at} activation",
        FEED_FORWARD_PASS,
        selection=selection,
    )


def feed_forward_structure(subject: Subject) -> tuple[Structure, bool]:
    """The structure of a network, and whether every call of it makes the same products.

    It is found on a batch of no samples, with parameters that are one zero seen as a whole tensor:
    next to nothing is computed, and a network that writes to its parameters raises an error. One
    that cannot run so is called on one sample, and may take another way on another.

    Raises:
        NasproxyError: it cannot be called on the first sample either.
    """
    parts = subject.parts
    none = subject.on(subject.batch.part(slice(0)))
    zeros = {
        kind: torch.zeros((), dtype=kind[0], device=kind[1])
        for kind in {(tensor.dtype, tensor.device) for tensor in parts.parameters.values()}
    }
    dummies = {
        name: zeros[tensor.dtype, tensor.device].expand(tensor.shape)
        for name, tensor in parts.parameters.items()
    }
    with preserved(parts, training=False, seed=subject.seed), _unfused(), torch.no_grad():
        try:
            found = structure_of(dummies, subject.nodes, lambda: none.call(dummies, finite=False))
            return found, True
        except NasproxyError:  # it looks at values, say
            own = subject.parameters()
            one = subject.on(subject.batch.first())
            found = structure_of(own, subject.nodes, lambda: one.call(own, finite=False))
            # What it does to its parameters was done to copies, and not looked for.
            return replace(found, writes=True), False


def _run(subject: Subject, wanted: frozenset[Record[Any]]) -> Mapping[Record[Any], object]:
    structure, all_come = feed_forward_structure(subject)
    named = getattr(subject.parts.network, "feed_forward_weights", None)
    made: dict[Record[Any], object] = {}
    chosen: dict[Record[Any], dict[str, Place]] = {}
    for record in wanted:
        assert isinstance(record, SpectraRecord)
        try:
            chosen[record] = places_of(structure, record.selection, named)
        except NasproxyError as error:
            made[record] = error
    needed = {place for places in chosen.values() for place in places.values()}
    state = (
        subject.parameters()
        if structure.writes
        else {name: tensor.detach() for name, tensor in subject.parts.parameters.items()}
    )
    earlier = _earlier(subject, structure) if all_come else EarlierCalls({}, EarlierResults())
    collected = _Collected(needed, stops=all_come, earlier=earlier)
    with preserved(subject.parts, training=False, seed=subject.seed), _unfused(), torch.no_grad():
        for start in range(0, subject.batch.size if needed else 0, _SAMPLES):
            part = subject.on(subject.batch.part(slice(start, start + _SAMPLES)))
            collected.call(part, state)
    for record, places in chosen.items():
        try:
            made[record] = {
                node: collected.spectrum_at(node, place) for node, place in places.items()
            }
        except NasproxyError as error:
            made[record] = error
    return made


def _earlier(subject: Subject, structure: Structure) -> EarlierCalls:
    """Which calls of the network may be left out for those of networks before it.

    None where a weight multiplies twice, since products are told apart by counting, and none where
    the batch comes in parts, since a spectrum is that of all of them together.
    """
    whole = subject.batch.size <= _SAMPLES
    once = all(product.call == 1 for product in structure.products)
    if subject.earlier is None or structure.writes or not (whole and once):
        return EarlierCalls({}, EarlierResults())
    signatures = getattr(subject.parts.network, "signatures", {})
    return EarlierCalls(signatures, subject.earlier)


class _AllSeen(BaseException):
    """Ends a call of the network; no Exception, because networks catch those."""


class _Collected:
    """The moments of the rows at every place, added up over calls; no row is kept.

    Args:
        needed: the places.
        stops: whether a call ends as soon as every place was seen: the rest would be for nothing.
        earlier: the calls that are left out where what they would show is known.
    """

    def __init__(self, needed: set[Place], *, stops: bool, earlier: EarlierCalls) -> None:
        self._places: dict[tuple[Product, str], list[Place]] = {}
        for place in needed:
            self._places.setdefault((place.product, place.side), []).append(place)
        self._needed = needed
        self._stops = stops
        self._left: set[Place] = set()
        self._mask: Tensor | None = None
        self._moments: dict[Place, Moments] = {}
        self._matrices: dict[Place, Tensor] = {}
        self._spectra: dict[Place, Float64[np.ndarray, " k"]] = {}
        self._earlier = earlier

    def call(self, subject: Subject, state: Mapping[str, Tensor]) -> None:
        """Call the network and see what passes."""
        self._left = set(self._needed)
        self._mask = _mask(subject)
        held = {name: state[name] for name in subject.nodes}
        try:
            with (
                self._earlier.left_out(subject.parts, self._seen_within),
                Products(held, self._before, self._after),
            ):
                subject.call(state, finite=False)
        except _AllSeen:
            pass

    def spectrum_at(self, node: str, place: Place) -> Float64[np.ndarray, " k"]:
        """The eigenvalues at a place."""
        if place in self._spectra:
            return self._spectra[place]
        if place not in self._moments:
            raise NasproxyError(f"{node} is not called on this batch")
        moments = self._moments[place]
        try:
            found = (
                spectrum_through(moments, self._earlier.triangle(place, self._matrices[place]))
                if place.through
                else spectrum(moments)
            )
        except NasproxyError as error:
            raise NasproxyError(
                f"{node}: {error.wrong}", accepted=error.accepted, hint=error.hint
            ) from error
        self._spectra[place] = found
        self._earlier.keep_spectrum(place, found)
        return found

    def _seen_within(self, path: str, spectra: Mapping[Place, Float64[np.ndarray, " k"]]) -> bool:
        """Whether all that a call would show is known; it counts as seen then."""
        within = {p for p in self._needed if p.product.weight.startswith(f"{path}.")}
        if not within <= spectra.keys():
            return False
        for place in within:
            self._spectra[place] = spectra[place]
        self._saw(within)
        return True

    def _before(self, product: Product, inputs: Tensor, matrix: Tensor) -> None:
        for place in self._places.get((product, "inputs"), ()):
            if place.through:
                self._matrices[place] = matrix.detach()
            self._add(place, inputs)

    def _after(self, product: Product, out: Tensor) -> None:
        for place in self._places.get((product, "outputs"), ()):
            self._add(place, out)

    def _add(self, place: Place, features: Tensor) -> None:
        known = self._earlier.spectrum(place, features, self._mask)
        if known is not None:
            self._spectra[place] = known
        else:
            seen = moments_of(_rows(features, place, self._mask))
            before = self._moments.get(place)
            self._moments[place] = seen if before is None else merged(before, seen)
        self._saw({place})

    def _saw(self, places: set[Place]) -> None:
        self._left -= places
        if self._stops and not self._left:
            raise _AllSeen


def _rows(features: Tensor, place: Place, mask: Tensor | None) -> Float[Tensor, "n d"]:
    """One row a token, position or sample, without those that the mask excludes."""
    if place.product.kind != "linear":  # channels come second
        features = features.movedim(1, -1)
    rows = features.reshape(-1, features.shape[-1])
    kept = mask if place.masked and mask is not None and len(mask) == len(rows) else None
    return rows if kept is None else rows[kept]


def _mask(subject: Subject) -> Tensor | None:
    """Which tokens are there, flat, where the batch says."""
    inputs = subject.batch.inputs
    if not isinstance(inputs, Mapping) or "attention_mask" not in inputs:
        return None
    mask = inputs["attention_mask"]
    return mask.flatten().bool() if mask.ndim == 2 else None


@contextmanager
def _unfused() -> Iterator[None]:
    """Let torch's own transformer layers call their linear layers one by one."""
    fast = torch.backends.mha.get_fastpath_enabled()
    try:
        torch.backends.mha.set_fastpath_enabled(False)
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


FEED_FORWARD_PASS = Pass(
    "feed-forward",
    lambda _wanted: "1 forward of no samples, 1 forward up to the last feed-forward layer",
    _run,
)
