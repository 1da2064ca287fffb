"""An n-gram model as a proxy: counts that add up over documents."""

from dataselect.weighting.proxies.ngram.events import Events, count_events, events_of, matches_of
from dataselect.weighting.proxies.ngram.proxy import NgramProxy, NgramTrainer
from dataselect.weighting.proxies.ngram.smoothing import (
    Counted,
    Smoothing,
    counted,
    cross_losses,
    fit_smoothing,
    losses_under,
)

__all__ = [
    "Counted",
    "Events",
    "NgramProxy",
    "NgramTrainer",
    "Smoothing",
    "count_events",
    "counted",
    "cross_losses",
    "events_of",
    "fit_smoothing",
    "losses_under",
    "matches_of",
]
