"""The pass over feed-forward layers: the spectrum of what their linear layers return."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from nasproxy.errors import NasproxyError
from nasproxy.tracing.channel_saliency import owner
from nasproxy.tracing.earlier import EarlierCalls, EarlierResults, signatures_of
from nasproxy.tracing.feed_forward import Structure, structure_of
from nasproxy.tracing.feed_forward_places import Place, Selection, places_of
from nasproxy.tracing.padding import padding_of
from nasproxy.tracing.preserve import preserved
from nasproxy.tracing.products import LINEAR, Multiplied, Product, Products
from nasproxy.tracing.records import Pass, Record
from nasproxy.tracing.row_marks import RowMarks
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
    that cannot run so, or leaves weights out because no sample chooses them (experts), is called
    on the whole batch, and on another one may make other products.

    Raises:
        NasproxyError: it cannot be called on the batch either.
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
    found = None
    with preserved(parts, training=False, seed=subject.seed), _unfused(), torch.no_grad():
        try:
            call = lambda: none.call(dummies, finite=False)  # noqa: E731
            found = structure_of(dummies, subject.nodes, [call])
        except NasproxyError:  # it looks at values, say
            pass
        if found is not None and not _left_out(subject, found):
            return found, True
        own = subject.parameters()
        calls = [partial(part.call, own, finite=False) for part in _in_parts(subject)]
        whole = structure_of(own, subject.nodes, calls)
    if found is not None and set(found.products) == set(whole.products):
        return found, True
    # What it does to its parameters was done to copies, and not looked for.
    return replace(whole, writes=found is None or found.writes), False


def _left_out(subject: Subject, structure: Structure) -> bool:
    """Whether a layer's weight makes no product, though one with it would be seen."""
    seen = {product.weight for product in structure.products}
    for name in subject.nodes:
        module = subject.parts.modules[owner(name)]
        shape = subject.parts.parameters[name].shape
        experts = len(shape) > 2 and min(shape) > 1 and not isinstance(module, _OUT_OF_SIGHT)
        if name not in seen and (experts or isinstance(module, nn.Linear | nn.ParameterList)):
            return True
    return False


_OUT_OF_SIGHT = (nn.RNNBase, nn.MultiheadAttention, _ConvNd)
"""Modules that multiply where it is not seen, or would be seen."""


def _in_parts(subject: Subject) -> Iterator[Subject]:
    for start in range(0, subject.batch.size, _SAMPLES):
        yield subject.on(subject.batch.part(slice(start, start + _SAMPLES)))


def _run(subject: Subject, wanted: frozenset[Record[Any]]) -> Mapping[Record[Any], object]:
    structure, all_come = feed_forward_structure(subject)
    named = getattr(subject.parts.network, "feed_forward_weights", None)
    made: dict[Record[Any], object] = {}
    chosen: dict[Record[Any], dict[str, Place]] = {}
    padded = _padded(subject)
    for record in wanted:
        assert isinstance(record, SpectraRecord)
        try:
            if record.selection.masked and isinstance(padded, NasproxyError):
                raise padded
            chosen[record] = places_of(structure, record.selection, named)
        except NasproxyError as error:
            made[record] = error
    needed = {place for places in chosen.values() for place in places.values()}
    state = (
        subject.parameters()
        if structure.writes
        else {name: tensor.detach() for name, tensor in subject.parts.parameters.items()}
    )
    shares = all_come and not (padded and _square(subject))
    earlier = _earlier(subject, structure) if shares else EarlierCalls({}, EarlierResults())
    collected = _Collected(needed, stops=all_come, earlier=earlier)
    with preserved(subject.parts, training=False, seed=subject.seed), _unfused(), torch.no_grad():
        for part in _in_parts(subject) if needed else ():
            collected.call(part, state)
    for record, places in chosen.items():
        try:
            made[record] = collected.spectra(places)
        except NasproxyError as error:
            made[record] = error
    return made


def _padded(subject: Subject) -> bool | NasproxyError:
    """Whether tokens are padding, or why that cannot be said."""
    try:
        return bool(padding_of(subject.batch, subject.parts.network.forward))
    except NasproxyError as error:
        return error


def _square(subject: Subject) -> bool:
    """Whether ``[n, t]`` and ``[t, n]`` look alike, so that rows have to be followed throughout."""
    return subject.batch.tensors[0].shape[1:2] == (subject.batch.size,)


def _earlier(subject: Subject, structure: Structure) -> EarlierCalls:
    """Which calls of the network may be left out for those of networks before it.

    None where a weight multiplies twice, since products are told apart by counting, and none where
    the batch comes in parts, since a spectrum is that of all of them together.
    """
    whole = subject.batch.size <= _SAMPLES
    once = all(product.call == 1 for product in structure.products)
    if subject.earlier is None or structure.writes or not (whole and once):
        return EarlierCalls({}, EarlierResults())
    return EarlierCalls(signatures_of(subject.parts), subject.earlier)


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
        self._marks: RowMarks | None = None
        self._failed: dict[Place, NasproxyError] = {}
        self._moments: dict[Place, Moments] = {}
        self._matrices: dict[Place, Tensor] = {}
        self._spectra: dict[Place, Float64[np.ndarray, " k"]] = {}
        self._earlier = earlier

    def call(self, subject: Subject, state: Mapping[str, Tensor]) -> None:
        """Call the network and see what passes."""
        self._left = set(self._needed)
        masked = any(place.masked for place in self._needed)
        roots = padding_of(subject.batch, subject.parts.network.forward) if masked else []
        self._marks = RowMarks(roots) if roots else None
        # Of all inputs, since which of them a layer sees is not known before it is called.
        numbers = [n for _, mask in roots for n in (*mask.shape, *mask.reshape(-1).tolist())]
        self._mask = torch.tensor(numbers) if roots else None
        held = {name: state[name] for name in subject.nodes}
        try:
            with (
                self._earlier.left_out(subject.parts, self._seen_within),
                self._marks or nullcontext(),
                Products(held, self._before, self._after),
            ):
                subject.call(state, finite=False)
        except _AllSeen:
            pass

    def spectra(self, places: Mapping[str, Place]) -> Spectra:
        """The eigenvalues at places, by node.

        An expert that fewer than two tokens chose uses no dimension, and is left out.
        """
        reached = {
            node: place
            for node, place in places.items()
            if place in self._spectra
            or place in self._failed
            or not self._chosen_among(place)
            or (place in self._moments and self._moments[place].rows > 1)
        }
        return {node: self._spectrum_at(node, at) for node, at in (reached or places).items()}

    def _chosen_among(self, place: Place) -> bool:
        return place.product.part is not None or not self._stops

    def _spectrum_at(self, node: str, place: Place) -> Float64[np.ndarray, " k"]:
        if place in self._spectra:
            return self._spectra[place]
        try:
            if place in self._failed:
                raise self._failed[place]
            if place not in self._moments:
                raise NasproxyError("it is not called on this batch")
            moments = self._moments[place]
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

    def _before(self, made: Sequence[Multiplied]) -> None:
        seen = set()
        for one in made:
            for place in self._places.get((one.product, "inputs"), ()):
                if place.through:
                    self._matrices[place] = one.matrix.detach()
                self._add(place, one.inputs)
                seen.add(place)
        self._saw(seen)

    def _after(self, made: Sequence[Multiplied], out: Tensor) -> None:
        seen = set()
        for one in made:
            for place in self._places.get((one.product, "outputs"), ()):
                self._add(place, one.outputs(out))
                seen.add(place)
        self._saw(seen)

    def _add(self, place: Place, features: Tensor) -> None:
        known = self._earlier.spectrum(place, features, self._mask)
        if known is not None:
            self._spectra[place] = known
            return
        try:
            seen = moments_of(_rows(features, place, self._marks))
        except NasproxyError as error:
            self._failed[place] = error
            return
        before = self._moments.get(place)
        self._moments[place] = seen if before is None else merged(before, seen)

    def _saw(self, places: set[Place]) -> None:
        self._left -= places
        if self._stops and not self._left:
            raise _AllSeen


def _rows(features: Tensor, place: Place, marks: RowMarks | None) -> Float[Tensor, "n d"]:
    """One row a token, position or sample, without those that are padding."""
    if place.product.kind != LINEAR:  # channels come second
        features = features.movedim(1, -1)
    rows = features.reshape(-1, features.shape[-1])
    if not place.masked or marks is None:
        return rows
    try:
        return rows[marks.of(features)]
    except NasproxyError as error:
        raise NasproxyError(
            f"the attention mask does not fit: {error.wrong}",
            accepted=error.accepted,
            hint="vpca(masked=False) counts padding too",
        ) from error


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
