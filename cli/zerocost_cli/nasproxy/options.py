"""Options that several sub-commands share, and what they stand for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from nasproxy.batch import Batch
    from nasproxy.benchmarks.table import BenchmarkTable
    from nasproxy.spaces.space import SearchSpace

__all__ = [
    "batch_of",
    "data_options",
    "files_read",
    "given",
    "json_option",
    "no_space_options",
    "out_option",
    "proxies_option",
    "space_of",
    "split",
    "table_files",
]

F = TypeVar("F", bound=Callable[..., Any])

proxies_option = click.option(
    "--proxies",
    metavar="P,Q",
    help="Proxies, by name or pkg.module:object. [default: the space's, or naswot,synflow]",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object and nothing else."
)


def data_options(command: F) -> F:
    """``--images --text --length --builder --batch-size --seed --device``."""
    options = [
        click.option(
            "--images",
            default="digits",
            show_default=True,
            metavar="I",
            help="digits, cifar10, cifar100, noise, or an .npz of x (uint8 NHWC) and y.",
        ),
        click.option(
            "--text",
            default="random",
            show_default=True,
            metavar="T",
            help="Spaces of language models: random tokens, or documents of a .parquet, .jsonl "
            "or .txt file.",
        ),
        click.option("--length", type=int, help="Tokens of an input. [default: the space's]"),
        click.option("--builder", metavar="B", help="Which networks the space builds, if several."),
        click.option(
            "--batch-size", type=int, help="Inputs in the batch. [default: 64 images, 16 texts]"
        ),
        click.option("--seed", default=0, show_default=True, help="Of batch, weights and draws."),
        click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1, ..."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def out_option(what: str) -> Callable[[F], F]:
    """``--out --overwrite``."""

    def decorate(command: F) -> F:
        command = click.option("--overwrite", is_flag=True, help="Replace existing outputs.")(
            command
        )
        return click.option("--out", required=True, type=click.Path(path_type=Path), help=what)(
            command
        )

    return decorate


def split(names: str | None) -> list[str] | None:
    """``a,b`` -> ["a", "b"]; None stays None."""
    return None if names is None else [n.strip() for n in names.split(",") if n.strip()]


def files_read(*names: str | None) -> list[Path]:
    """The files behind names of images, benchmarks and lists, for the manifest."""
    from nasproxy import data

    sets = {data_set.name: data_set for data_set in data.list_data()}
    found: list[Path] = []
    for name in filter(None, names):
        known = sets.get(name.removeprefix("benchmark:"))
        if known is not None:
            found += data.present(known)
        elif Path(name).is_file():
            found.append(Path(name))
    return found


def table_files(table: BenchmarkTable | None) -> list[Path]:
    """The file that a benchmark was read from, for the manifest."""
    return [] if table is None or table.source is None else [table.source]


def space_of(name: str, builder: str | None = None, length: int | None = None) -> SearchSpace[Any]:
    """The space of a name, with one of its builders and lengths of inputs."""
    from nasproxy import spaces
    from nasproxy.spaces.variants import variant

    return variant(spaces.get(name), builder=builder, length=length)


def given(option: str) -> bool:
    """Whether an option was typed."""
    context = click.get_current_context(silent=True)
    source = None if context is None else context.get_parameter_source(option)
    return source is ParameterSource.COMMANDLINE


def no_space_options(own: str, value: object) -> None:
    """Refuse what says something of a space where ``own`` has a value and takes its place."""
    for option in ("text", "length", "builder"):
        if value is not None and given(option):
            raise click.UsageError(f"--{option} belongs to --space, and does not go with {own}")


def batch_of(
    space: SearchSpace[Any] | None, images: str, text: str, size: int | None, seed: int
) -> Batch:
    """The batch that a space's networks take."""
    vocabulary = getattr(space, "vocabulary", None)
    if space is not None and given("text" if vocabulary is None else "images"):
        other, takes = ("--text", "images") if vocabulary is None else ("--images", "tokens")
        raise click.UsageError(
            f"{other} does not belong to the space {space.name}: it takes {takes}"
        )
    if space is not None and vocabulary is not None:
        from nasproxy.tokens import load_tokens

        return load_tokens(
            text,
            size=16 if size is None else size,
            length=space.input_shape[0],
            vocabulary=vocabulary,
            seed=seed,
        )
    from nasproxy.images import load_batch

    channels, side = (3, None) if space is None else (space.input_shape[0], space.input_shape[-1])
    return load_batch(
        images, size=64 if size is None else size, seed=seed, image_size=side, channels=channels
    )
