"""The pass over feed-forward layers: the spectrum of what their linear layers return."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from nasproxy.errors import NasproxyError
from nasproxy.tracing.feed_forward import Product, Products, Structure, structure_of
from nasproxy.tracing.preserve import preserved
from nasproxy.tracing.records import Pass, Record
from nasproxy.tracing.spectrum import Moments, affine_spectrum, merged, moments_of, spectrum
from nasproxy.tracing.stateless import called_with
from nasproxy.tracing.subject import Subject

__all__ = ["FEED_FORWARD_PASS", "Selection", "SpectraRecord", "feed_forward_layers", "spectra"]

_SAMPLES = 64  # in one call of the network, however many the batch has


@dataclass(frozen=True)
class Selection:
    """Which features are looked at.

    Attributes:
        linears: "first" of each feed-forward layer, or "all" but the one that narrows.
        at: "before" the activation (what the linear layer returns) or "after" it (what the next
            linear layer reads, so a gate has been applied too).
        masked: whether positions that the batch's ``attention_mask`` excludes are left out.
        layers: shell patterns of the names of weights or of their modules, to set by hand which
            are read; found by structure where None.
    """

    linears: Literal["first", "all"] = "first"
    at: Literal["before", "after"] = "before"
    masked: bool = True
    layers: tuple[str, ...] | None = None


@dataclass(frozen=True)
class SpectraRecord(Record[Mapping[str, Float64[np.ndarray, "..."]]]):
    """The record of the spectra of a selection of features."""

    selection: Selection = Selection()


def spectra(selection: Selection = Selection()) -> SpectraRecord:
    """Node -> the eigenvalues of its covariance, largest first, of the features selected."""
    return SpectraRecord(
        f"spectrum of the features of every feed-forward layer ({selection})",
        FEED_FORWARD_PASS,
        selection=selection,
    )


def feed_forward_layers(subject: Subject) -> tuple[tuple[str, ...], ...]:
    """The feed-forward layers of a network: the names of their weights but the last's."""
    return tuple(tuple(p.node for p in layer) for layer in _structure(subject)[0].layers)


def _run(subject: Subject, wanted: frozenset[Record[Any]]) -> Mapping[Record[Any], object]:
    records = [record for record in wanted if isinstance(record, SpectraRecord)]
    made: dict[Record[Any], object] = {}
    with preserved(subject.parts, training=False, seed=subject.seed), _unfused(), torch.no_grad():
        structure, exact = _structure(subject)
        places: dict[SpectraRecord, dict[str, _Place]] = {}
        for record in records:
            try:
                places[record] = _places(structure, record.selection)
            except NasproxyError as error:
                made[record] = error
        needed = {place for chosen in places.values() for place in chosen.values()}
        collected = _collected(subject, needed, copied=structure.writes, all_come=exact)
    known: dict[tuple[_Place, str], Float64[np.ndarray, "..."] | NasproxyError] = {}
    for record, chosen in places.items():
        found: dict[str, Float64[np.ndarray, "..."]] = {}
        failure = None
        for node, place in chosen.items():
            if (place, node) not in known:
                known[place, node] = _spectrum_at(place, collected)
            value = known[place, node]
            if isinstance(value, NasproxyError):
                failure = failure or _of_node(node, value)
            else:
                found[node] = value
        made[record] = failure or found
    return made


@dataclass(frozen=True)
class _Place:
    """Where rows are taken: what goes into a product, or what comes out of it.

    A widening linear layer is looked at by its inputs, and its weight then gives the spectrum of
    its outputs.
    """

    product: Product
    side: Literal["inputs", "outputs"]
    through: bool
    masked: bool


def _places(structure: Structure, selection: Selection) -> dict[str, _Place]:
    """The nodes of a selection, and where each is observed."""
    found: dict[str, _Place] = {}
    for product in _chosen(structure, selection):
        if selection.at == "after":
            after = structure.following[product]
            if not after:
                raise NasproxyError(
                    f"the output of {product.node!r} reaches no further weight through an "
                    "activation",
                    accepted="a layer that an activation follows; before the activation it has "
                    "features",
                )
            found[product.node] = _Place(after[0], "inputs", False, selection.masked)
        elif product.kind == "linear" and product.outputs > product.inputs:
            found[product.node] = _Place(product, "inputs", True, selection.masked)
        else:
            found[product.node] = _Place(product, "outputs", False, selection.masked)
    return found


def _chosen(structure: Structure, selection: Selection) -> list[Product]:
    if selection.layers is not None:
        found = [p for p in structure.products if _named(p.weight, selection.layers)]
        if not found:
            raise NasproxyError(
                f"no weight is named {' or '.join(map(repr, selection.layers))}",
                accepted="patterns of " + ", ".join(dict.fromkeys(_first_names(structure))),
            )
        return found
    if structure.layers:
        of = 1 if selection.linears == "first" else None
        return [product for layer in structure.layers for product in layer[:of]]
    # A convolution network without inverted bottlenecks has no layer that widens to be activated
    # and narrowed: every convolution's channels are its features.
    found = [p for p in structure.products if p.kind != "linear"]
    if selection.at == "after":
        found = [p for p in found if structure.following[p]]
    return found


def _named(weight: str, patterns: tuple[str, ...]) -> bool:
    owner = weight.rpartition(".")[0]
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in (weight, owner))


def _first_names(structure: Structure) -> list[str]:
    return [product.weight for product in structure.products[:20]]


def _structure(subject: Subject) -> tuple[Structure, bool]:
    """The structure, and whether every call makes the same products.

    It is found on the meta device, where nothing is computed; a network that cannot run there is
    called on one sample, and may take another way on another.
    """
    one = subject.batch.first()
    named = isinstance(one.inputs, Mapping)
    parts = subject.parts
    meta = {
        name: torch.empty_like(tensor, device="meta")
        for name, tensor in (parts.parameters | parts.buffers).items()
    }
    tensors = [torch.empty_like(tensor, device="meta") for tensor in one.tensors]
    keywords = dict(zip(one.inputs, tensors, strict=True)) if named else {}
    args = () if named else tuple(tensors)
    try:
        return (
            structure_of(
                {name: meta[name] for name in parts.parameters},
                subject.nodes,
                lambda: called_with(parts, meta, args, keywords),
            ),
            True,
        )
    except Exception:  # it looks at values, or builds tensors on a device of its own
        parameters = subject.parameters()
        sample = subject.on(one)
        found = structure_of(
            parameters, subject.nodes, lambda: sample.call(parameters, finite=False)
        )
        # What it does to its parameters was seen on copies; they are cheap beside being wrong.
        return Structure(found.products, found.following, found.layers, writes=True), False


class _AllSeen(BaseException):
    """Ends a call of the network; no Exception, because networks catch those."""


def _collected(
    subject: Subject, needed: set[_Place], *, copied: bool, all_come: bool
) -> dict[_Place, tuple[Moments, Tensor | None]]:
    """The moments at every place, and the weight where the spectrum goes through it."""
    state = (
        subject.parameters()
        if copied
        else {name: tensor.detach() for name, tensor in subject.parts.parameters.items()}
    )
    before = {place.product: place for place in needed}  # only to know which products matter
    at: dict[tuple[Product, str], list[_Place]] = {}
    for place in needed:
        at.setdefault((place.product, place.side), []).append(place)
    moments: dict[_Place, tuple[Moments, Tensor | None]] = {}
    for start in range(0, subject.batch.size, _SAMPLES):
        part = subject.on(subject.batch.part(slice(start, start + _SAMPLES)))
        mask = _mask(part)
        left = set(needed)

        def take(
            product: Product,
            side: str,
            features: Tensor,
            matrix: Tensor | None,
            mask: Tensor | None = mask,
            left: set[_Place] = left,
        ) -> None:
            for place in at.get((product, side), ()):
                rows = _rows(features, product.kind, mask if place.masked else None)
                seen = moments_of(rows)
                if place in moments:
                    seen = merged(moments[place][0], seen)
                moments[place] = (seen, matrix if place.through else None)
                left.discard(place)
            if all_come and not left:
                raise _AllSeen

        def before_product(product: Product, inputs: Tensor, matrix: Tensor) -> None:
            if product in before:
                take(product, "inputs", inputs, matrix)

        def after_product(product: Product, out: Tensor) -> None:
            if product in before:
                take(product, "outputs", out, None)

        held = {name: state[name] for name in subject.nodes}
        try:
            with Products(held, before_product, after_product):
                part.call(state, finite=False)
        except _AllSeen:
            pass
    return moments


def _rows(features: Tensor, kind: str, mask: Tensor | None) -> Float[Tensor, "n d"]:
    """One row a token, position or sample, without those that the mask excludes."""
    if kind != "linear":
        features = features.movedim(-3 if features.ndim == 4 else 1, -1)
    rows = features.reshape(-1, features.shape[-1])
    return rows[mask] if mask is not None and len(mask) == len(rows) else rows


def _mask(subject: Subject) -> Tensor | None:
    """Which tokens are there, flat, where the batch says."""
    inputs = subject.batch.inputs
    if not isinstance(inputs, Mapping) or "attention_mask" not in inputs:
        return None
    mask = inputs["attention_mask"]
    return mask.flatten().bool() if mask.ndim == 2 else None


def _spectrum_at(
    place: _Place, collected: Mapping[_Place, tuple[Moments, Tensor | None]]
) -> Float64[np.ndarray, "..."] | NasproxyError:
    if place not in collected:
        return NasproxyError("it is not called on this batch")
    moments, matrix = collected[place]
    try:
        if matrix is None:
            return spectrum(moments)
        return affine_spectrum(moments, matrix.detach().double().cpu().numpy())
    except NasproxyError as error:
        return error


def _of_node(node: str, error: NasproxyError) -> NasproxyError:
    return NasproxyError(f"{node}: {error.wrong}", accepted=error.accepted, hint=error.hint)


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
    lambda _wanted: "1 forward of shapes, 1 forward up to the last feed-forward layer",
    _run,
)
