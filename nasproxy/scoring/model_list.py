"""A file of the user's own networks: factories with arguments, Hugging Face configurations."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from nasproxy.errors import NasproxyError
from nasproxy.scoring.model_inputs import Input, check_inputs
from zerocost.errors import did_you_mean

__all__ = ["Model", "read_models"]


@dataclass(frozen=True)
class Model:
    """One network of a list; the fields are the keys of an entry.

    Attributes:
        name: what the table calls it.
        factory: ``pkg.module:function``, which makes a network from ``arguments``.
        arguments: keyword arguments of the factory.
        huggingface: a model class of ``transformers``, made from ``config`` with random weights.
        config: the values of its configuration, or the path of a ``config.json``.
        input: the shape of one input: three numbers for images, other shapes for noise.
        tokens: the length of a sequence of token ids, in place of ``input``.
        inputs: several inputs, in place of ``input`` and ``tokens``: by the names of the network's
            arguments, or a list in their order.
        vocabulary: token ids are below this; of a Hugging Face model its ``vocab_size``.
        classes: of the random labels of tokens and noise; images bring their own.
        labels: one label a "sequence" or one a "token"; of a language model one a token.
        where: the place in the file, for messages.
    """

    name: str
    factory: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    huggingface: str | None = None
    config: dict[str, Any] | str | None = None
    input: list[int] | None = None
    tokens: int | None = None
    inputs: dict[str, Input] | list[Input] | None = None
    vocabulary: int | None = None
    classes: int | None = None
    labels: Literal["sequence", "token"] | None = None
    where: str = ""


_KEYS = tuple(name for name in Model.__dataclass_fields__ if name != "where")
_ACCEPTED = (
    'a TOML file of [[model]] tables, or a JSON file {"models": [...]}, each entry with a name, '
    "a factory or a huggingface class, and an input shape, a number of tokens, or several inputs"
)


def read_models(path: Path) -> list[Model]:
    """The entries of a list of networks.

    A table ``defaults`` gives the keys that an entry does not have. Nothing is imported or built.

    Args:
        path: TOML, or JSON where its name ends in ``.json``.

    Raises:
        NasproxyError: the file cannot be read, or an entry is not what it should be; the entry is
            named, and in TOML its line.
    """
    text, content = _read(path)
    listed = content.get("model", content.get("models"))
    defaults = content.get("defaults", {})
    unknown = [key for key in content if key not in ("model", "models", "defaults")]
    if unknown or not isinstance(listed, list) or not isinstance(defaults, dict):
        raise NasproxyError(
            f"{path} holds no list of models"
            + (f" (but {', '.join(map(repr, content))})" if content else ""),
            accepted=_ACCEPTED,
            hint=did_you_mean(unknown[0], ("model", "models", "defaults")) if unknown else None,
        )
    lines = [n for n, line in enumerate(text.splitlines(), 1) if line.strip() == "[[model]]"]
    models: dict[str, Model] = {}
    for number, entry in enumerate(listed, start=1):
        line = f", line {lines[number - 1]}" if len(lines) == len(listed) else ""
        where = f"{path}{line}, model {number}"
        model = _model(entry, defaults, where, path.parent)
        if model.name in models:
            raise NasproxyError(
                f"{where}: the name {model.name!r} is taken by {models[model.name].where}",
                accepted="a name of its own for every model",
            )
        models[model.name] = model
    if not models:
        raise NasproxyError(f"{path} lists no model", accepted=_ACCEPTED)
    return list(models.values())


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as cause:
        raise NasproxyError(f"{path} cannot be read: {cause}", accepted=_ACCEPTED) from cause
    try:
        content = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except ValueError as cause:  # of either
        kind = "JSON" if path.suffix == ".json" else "TOML"
        raise NasproxyError(f"{path} is no {kind}: {cause}", accepted=_ACCEPTED) from cause
    if isinstance(content, list):
        content = {"models": content}
    if not isinstance(content, dict):
        raise NasproxyError(f"{path} holds a {type(content).__name__}", accepted=_ACCEPTED)
    return text, content


def _model(entry: object, defaults: Mapping[str, Any], where: str, folder: Path) -> Model:
    if not isinstance(entry, dict):
        raise NasproxyError(f"{where} is {entry!r:.60}", accepted=_ACCEPTED)
    if isinstance(entry.get("name"), str):
        where = f"{where} ({entry['name']!r})"
    # What an entry says itself sets aside the default that says the same in another way.
    apart = (("factory", "huggingface"), ("input", "tokens", "inputs"))
    unused = {a for pair in apart for a in pair if set(pair) & entry.keys()}
    merged = {k: v for k, v in defaults.items() if k not in unused} | entry
    for key in merged:
        if key not in _KEYS:
            raise NasproxyError(
                f"{where}: there is no key {key!r}",
                accepted=", ".join(_KEYS),
                hint=did_you_mean(key, _KEYS),
            )
    try:
        model = msgspec.convert({**merged, "where": where}, Model)
    except msgspec.ValidationError as cause:
        raise NasproxyError(
            f"{where}: {str(cause).replace(' - at `$.', ' for `')}", accepted=_ACCEPTED
        ) from cause
    _check(model)
    if isinstance(model.config, str):
        return _with_config(model, folder)
    return model


def _with_config(model: Model, folder: Path) -> Model:
    path = folder / str(model.config)
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        raise NasproxyError(
            f"{model.where}: the configuration {path} cannot be read: {cause}",
            accepted="a table of values, or the path of a config.json beside this file",
        ) from cause
    if not isinstance(config, dict):
        raise NasproxyError(f"{model.where}: {path} holds a {type(config).__name__}")
    return replace(model, config=config)


def _check(model: Model) -> None:
    def wrong(what: str, accepted: str) -> NasproxyError:
        return NasproxyError(f"{model.where}: {what}", accepted=accepted)

    if not model.name.strip() or not model.name.isprintable():
        raise wrong(f"the name {model.name!r}", "a printable text")
    if (model.factory is None) == (model.huggingface is None):
        raise wrong(
            "it has no factory and no huggingface class"
            if model.factory is None
            else "it has a factory and a huggingface class",
            'either factory = "pkg.module:function" or huggingface = "BertModel"',
        )
    if model.factory is None and model.arguments:
        raise wrong("arguments belong to a factory", "config = { ... } for a huggingface class")
    if model.huggingface is None and model.config is not None:
        raise wrong("a config belongs to a huggingface class", "arguments = { ... } for a factory")
    check_inputs(model, wrong)
    for key in ("tokens", "vocabulary", "classes"):
        value = getattr(model, key)
        if value is not None and value < 1:
            raise wrong(f"{key} = {value}", "1 or more")
    if model.labels == "token" and model.tokens is None:
        raise wrong('labels = "token" without tokens', "tokens = 128")
