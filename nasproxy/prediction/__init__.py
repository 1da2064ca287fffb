"""Predict accuracy from what is known before training: features in, mean and spread out."""

from nasproxy.prediction.predictor import (
    Features,
    Fitted,
    NodeBlock,
    Prediction,
    Predictor,
    get,
    load,
)

__all__ = ["Features", "Fitted", "NodeBlock", "Prediction", "Predictor", "get", "load"]
