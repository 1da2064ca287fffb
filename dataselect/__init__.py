"""Choose pretraining data: score, weigh and select documents before a model is trained on them."""

from dataselect.errors import DataselectError

__all__ = ["DataselectError"]
