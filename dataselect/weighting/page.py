"""One page about learned weights: what to conclude, weights, fit, learning curve."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import Any

import numpy as np
from jaxtyping import Float64

from dataselect.weighting.choice import Choice
from dataselect.weighting.concentration import distance_to_uniform, effective_scores
from dataselect.weighting.drawing import STYLE, draw_curve, draw_fit, draw_weights
from dataselect.weighting.estimate import Estimate
from dataselect.weighting.learned import Learned

__all__ = ["render"]

_LONGEST = 300


def render(
    learned: Learned,
    choice: Choice | None = None,
    *,
    title: str,
    sections: Sequence[tuple[str, str, str]] = (),
) -> str:
    """The HTML text; it needs no other file.

    Args:
        learned: what `learn` found.
        choice: which weights were kept; None where they are those that were learned.
        title: of the page.
        sections: further ones: an anchor, a heading, and HTML that is put in as it is.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    here = files("dataselect.weighting")
    style = (files("dataselect.report") / "style.css").read_text(encoding="utf-8") + STYLE
    template = environment.from_string((here / "page.html.j2").read_text(encoding="utf-8"))
    targets = ", ".join(learned.objective)
    weights = learned.weights if choice is None else choice.weights
    tried = None if choice is None else choice.run_id
    return template.render(
        title=title,
        style=Markup(style),
        version=_version(),
        facts=_facts(learned, weights),
        tried=tried,
        words=learned.in_words,
        gains=_gains(learned),
        resamples=len(learned.resampled),
        weights=Markup(draw_weights(learned.names, weights, learned.low, learned.high)),
        fit=Markup(
            draw_fit(
                learned.validation,
                targets if len(learned.objective) == 1 else "the objective",
            )
        ),
        spearman=[
            {"name": name, "value": _number(own.value), "interval": _interval(own)}
            for name, own in learned.spearman.items()
        ],
        members=[(name, f"{share:.3f}") for name, share in learned.members.items()],
        curve=Markup(draw_curve(learned.curve)),
        sections=[(name, heading, Markup(html)) for name, heading, html in sections],
        settings=[(name, _said(value)) for name, value in learned.settings.items()],
    )


def _facts(learned: Learned, weights: Float64[np.ndarray, " scores"]) -> list[tuple[str, str]]:
    own = learned.validation.spearman
    return [
        ("runs", f"{learned.settings.get('runs', len(learned.validation.observed)):,}"),
        ("weights", f"{len(learned.names):,}"),
        ("regressor", learned.regressor),
        ("rank correlation", _number(own.value)),
        ("distance to uniform", f"{distance_to_uniform(weights):.2f}"),
        ("effective number", f"{effective_scores(weights):.1f}"),
    ]


def _gains(learned: Learned) -> list[dict[str, str]]:
    return [
        {
            "name": said,
            "value": f"{own.value:.4g}",
            "interval": _interval(own, 4, significant=True),
            "fitted": f"{learned.uncorrected[key]:.4g}",
        }
        for said, key, own in (
            ("loss at the optimum", "predicted_loss", learned.predicted),
            ("gain over uniform weights", "gain_over_uniform", learned.gain_over_uniform),
            (
                f"gain over the best one alone, {learned.best_single}",
                "gain_over_best_single",
                learned.gain_over_single,
            ),
        )
    ]


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _interval(own: Estimate, digits: int = 3, *, significant: bool = False) -> str:
    if math.isnan(own.low):
        return "–"
    form = f".{digits}{'g' if significant else 'f'}"
    return f"{own.low:{form}} to {own.high:{form}}"


def _said(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def _version() -> str:
    try:
        return version("zerocost")
    except PackageNotFoundError:
        return ""
