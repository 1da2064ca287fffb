"""Weigh samples by their losses while a model is trained, in anybody's training loop."""

from dataselect.reweighting.accumulation import accumulate
from dataselect.reweighting.cross_entropy import per_sequence_cross_entropy
from dataselect.reweighting.normalisation import MinMax, QuantileRange, RunningRange
from dataselect.reweighting.reweighter import LossReweighter, Reweighted
from dataselect.reweighting.sample_losses import (
    binary_losses,
    classification_losses,
    regression_losses,
)
from dataselect.reweighting.sampler import WeightedSampler, weights_of_scores
from dataselect.reweighting.schedules import Constant, Cosine, Linearly, WarmUp
from dataselect.reweighting.statistics import BatchStatistics
from dataselect.reweighting.strategies import (
    Extremes,
    Linear,
    LinUpper,
    Quadratic,
    Strategy,
    Uniform,
)
from dataselect.reweighting.weights import weigh

__all__ = [
    "BatchStatistics",
    "Constant",
    "Cosine",
    "Extremes",
    "LinUpper",
    "Linear",
    "Linearly",
    "LossReweighter",
    "MinMax",
    "Quadratic",
    "QuantileRange",
    "Reweighted",
    "RunningRange",
    "Strategy",
    "Uniform",
    "WarmUp",
    "WeightedSampler",
    "accumulate",
    "binary_losses",
    "classification_losses",
    "per_sequence_cross_entropy",
    "regression_losses",
    "weigh",
    "weights_of_scores",
]
