"""Networks of a list of models made, with random weights and no download."""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from nasproxy.errors import NasproxyError
from nasproxy.scoring.model_list import Model
from nasproxy.tracing.preserve import drawing_from
from zerocost.errors import did_you_mean
from zerocost.registry import load_object

__all__ = ["build", "configuration", "source_of", "try_out"]


def build(model: Model, seed: int, device: str = "cpu") -> nn.Module:
    """The network of an entry; the global generators start from the seed while it is made.

    Raises:
        NasproxyError: its module or class does not exist, or it cannot be made; the entry is
            named.
    """
    return _made(model, seed).to(device)


def _made(model: Model, seed: int) -> nn.Module:
    make = _maker(model)
    try:
        with drawing_from(seed), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a library's advice about training
            network = make()
    except Exception as cause:  # whatever the user's factory raises
        raise NasproxyError(
            f"{model.where}: {model.factory or model.huggingface} fails with these values: "
            f"{type(cause).__name__}: {_first_line(cause)}",
            accepted="arguments that it takes" if model.factory else "values of its configuration",
            hint=_signature(model),
        ) from cause
    if not isinstance(network, nn.Module):
        raise NasproxyError(
            f"{model.where}: {model.factory} gives a {type(network).__name__}",
            accepted="a function or class that makes a torch.nn.Module",
        )
    return network


def try_out(model: Model) -> None:
    """Build an entry without memory or computing where it can be, to find what is wrong early.

    Raises:
        NasproxyError: as :func:`build`, or a factory remembers what it made.
    """
    try:
        with torch.device("meta"):
            first, again = (_made(model, 0) for _ in range(2))
    except NasproxyError:
        _made(model, 0)  # a factory may look at its own numbers, which a meta device has not
        return
    if first is again and any(parameter.is_meta for parameter in first.parameters()):
        raise NasproxyError(
            f"{model.where}: {model.factory} gives the same network at every call",
            accepted="a function that makes a new one, so that each seed has weights of its own",
            hint="take functools.cache or the like away",
        )


def source_of(model: Model) -> str | None:
    """The file that a factory is defined in, or None where that is not known."""
    if model.factory is None:
        return None
    found = load_object(model.factory, kind="network", error=NasproxyError)
    try:
        return inspect.getsourcefile(found)  # type: ignore[arg-type]
    except TypeError:  # of something built in
        return None


def _maker(model: Model) -> Callable[[], object]:
    if model.factory is not None:
        try:
            factory: Any = load_object(model.factory, kind="network", error=NasproxyError)
        except NasproxyError as error:
            raise NasproxyError(
                f"{model.where}: {error.wrong}", accepted=error.accepted, hint=error.hint
            ) from error
        if not callable(factory):
            raise NasproxyError(
                f"{model.where}: {model.factory} is a {type(factory).__name__}",
                accepted="a function or class that makes a torch.nn.Module",
            )
        return lambda: factory(**model.arguments)
    kind, config = _class(model), configuration(model)

    def make() -> object:
        with _quiet(_transformers(model)):
            return kind(config)

    return make


def _class(model: Model) -> Any:
    transformers = _transformers(model)
    name = str(model.huggingface)
    found = getattr(transformers, name, None)
    if not (isinstance(found, type) and issubclass(found, transformers.PreTrainedModel)):
        models = [n for n in dir(transformers) if n.endswith(("Model", "LM")) or "For" in n]
        raise NasproxyError(
            f"{model.where}: transformers has no model class {name!r}",
            accepted="a class such as BertForSequenceClassification or GPT2LMHeadModel",
            hint=did_you_mean(name, models),
        )
    return found


def configuration(model: Model) -> Any:
    """The configuration of a Hugging Face entry with its values; None of a factory.

    Raises:
        NasproxyError: a value that it does not know or take; the entry is named.
    """
    if model.huggingface is None:
        return None
    kind = _class(model).config_class
    values = dict(model.config) if isinstance(model.config, dict) else {}
    stated = values.pop("model_type", kind.model_type)
    if stated != kind.model_type:
        raise NasproxyError(
            f"{model.where}: a configuration of {stated!r} for {model.huggingface}, which takes "
            f"{kind.model_type!r}",
            accepted=f"values of {kind.__name__}",
        )
    known = set(kind().to_dict()) | set(inspect.signature(kind).parameters)
    # What is set by one name and kept under another, such as num_labels.
    known |= {key for key in dir(kind) if isinstance(getattr(kind, key), property)}
    # A file that a library wrote may hold what another version of it knows; what somebody typed
    # and nobody reads is a mistake.
    unknown = [] if "architectures" in values else [key for key in values if key not in known]
    if unknown:
        raise NasproxyError(
            f"{model.where}: {kind.__name__} has no value {unknown[0]!r}",
            accepted="values of its configuration",
            hint=did_you_mean(unknown[0], known),
        )
    try:
        with _quiet(_transformers(model)):
            return kind(**values)
    except Exception as cause:  # whatever a configuration raises
        raise NasproxyError(
            f"{model.where}: {kind.__name__}: {type(cause).__name__}: {_first_line(cause)}",
            accepted="values of its configuration",
        ) from cause


def _transformers(model: Model) -> Any:
    try:
        return importlib.import_module("transformers")
    except ImportError as cause:
        raise NasproxyError(
            f"{model.where}: a huggingface class needs transformers, which is not installed",
            hint="pip install 'zerocost[trainers]'",
        ) from cause


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Without the library's advice on models that are to be trained or to generate."""
    verbosity = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers.logging.set_verbosity(verbosity)


def _signature(model: Model) -> str | None:
    if model.factory is None:
        return None
    try:
        factory: Any = load_object(model.factory)
        return f"its signature is {inspect.signature(factory)}"
    except (TypeError, ValueError):
        return None


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "")
