"""nasproxy score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

import click

from zerocost_cli.nasproxy.options import (
    batch_of,
    data_options,
    json_option,
    no_space_options,
    proxies_option,
    space_of,
    split,
)
from zerocost_cli.printing import print_json, print_table

if TYPE_CHECKING:
    from nasproxy.batch import Batch
    from nasproxy.errors import NasproxyError

__all__ = ["command"]


@click.command("score")
@click.option("--space", "space_name", help="The space of --arch, by name or pkg.module:object.")
@click.option("--arch", help="An architecture in the text form of its space.")
@click.option("--model", help="A network of your own: pkg.module:factory.")
@click.option("--input-shape", metavar="C,H,W", help="The shape of one input of --model.")
@proxies_option
@data_options
@click.option("--explain", is_flag=True, help="Print which passes would run, and run none.")
@json_option
def command(
    space_name: str | None,
    arch: str | None,
    model: str | None,
    input_shape: str | None,
    proxies: str | None,
    images: str,
    text: str,
    length: int | None,
    builder: str | None,
    batch_size: int | None,
    seed: int,
    device: str,
    explain: bool,
    as_json: bool,
) -> None:
    """Score one architecture of a space, or a network of your own.

    \b
    nasproxy score --space nasbench201 --arch 1462 --images cifar10
    nasproxy score --model my_networks:small_resnet --input-shape 3,32,32
    """
    from nasproxy.errors import NasproxyError
    from nasproxy.proxies import default_of, get_all
    from nasproxy.scoring.readiness import check_device

    named = split(proxies)
    asked = get_all(named)
    if explain:
        _explain(named, as_json)
        return
    if (space_name is None) == (model is None):
        raise click.UsageError("either --space with --arch, or --model with --input-shape")
    if model is not None and arch is not None:
        raise click.UsageError("--arch belongs to --space; --model is the whole network")
    no_space_options("--model", model)
    if model is None and input_shape is not None:
        raise click.UsageError("--input-shape belongs to --model; a space has its own")
    check_device(device)
    if model is None:
        from nasproxy.scoring.candidates import outcomes_of

        if arch is None:
            raise click.UsageError("--space needs --arch, an architecture in its text form")
        space = space_of(str(space_name), builder, length)
        batch = batch_of(space, images, text, batch_size, seed)
        asked = get_all(default_of(space) if named is None else named)
        architecture = space.parse(arch)
        found = outcomes_of(space, architecture, batch, asked, seed=seed, device=device)
        name = str(architecture)
    else:
        from nasproxy.scoring.models import score_model

        batch = _batch_for(input_shape, images, 64 if batch_size is None else batch_size, seed)
        found = score_model(model, batch, asked, seed=seed, device=device)
        name = model
    errors = {p: error for p, error in found.items() if isinstance(error, NasproxyError)}
    scores = {p: None if isinstance(s, NasproxyError) else s.value for p, s in found.items()}
    if len(errors) == len(found):
        _fail(list(errors.values()))
    if as_json:
        no_score = {proxy: error.wrong for proxy, error in errors.items()}
        print_json(
            {"network": name, "images": batch.source, "scores": scores, "no_score": no_score}
        )
    else:
        print_table(
            ("proxy", "score", "better", "what it is"),
            [(p.name, scores[p.name], _better(p.higher_is_better), p.summary) for p in asked],
            title=f"{name}\nbatch of {batch.size} from {batch.source}",
        )
        for error in errors.values():
            click.echo(f"no score: {error}", err=True)


def _fail(errors: Sequence[NasproxyError]) -> NoReturn:
    """End with the last error, after those of the other proxies that say something else."""
    for error in errors[:-1]:
        click.echo(f"no score: {error}", err=True)
    raise errors[-1]


def _better(higher: bool) -> str:
    return "more" if higher else "less"


def _batch_for(input_shape: str | None, images: str, size: int, seed: int) -> Batch:
    from nasproxy.errors import NasproxyError
    from nasproxy.images import load_batch

    parts = (input_shape or "3,32,32").split(",")
    if len(parts) != 3 or not all(part.strip().isdecimal() for part in parts):
        raise NasproxyError(
            f"--input-shape {input_shape!r} is no shape of an image",
            accepted="channels, height and width, such as 3,32,32",
        )
    channels, height, width = (int(part) for part in parts)
    if height != width:
        raise NasproxyError(
            f"--input-shape {input_shape!r} is not square",
            accepted="equal height and width; other inputs through nasproxy.evaluate in Python",
        )
    return load_batch(images, size=size, seed=seed, image_size=height, channels=channels)


def _explain(proxies: list[str] | None, as_json: bool) -> None:
    from nasproxy.evaluation import explain

    rows = explain(proxies)
    if as_json:
        print_json({"passes": [{"name": n, "cost": cost, "proxies": who} for n, cost, who in rows]})
    else:
        print_table(("pass", "cost", "read by"), [(n, cost, ", ".join(w)) for n, cost, w in rows])
