"""Proxies: cheap models whose validation losses say how good a selection is."""

from dataselect.weighting.proxies.gpt import GptProxy
from dataselect.weighting.proxies.ngram import NgramProxy
from dataselect.weighting.proxies.proxy import Losses, Proxy, Trainer
from dataselect.weighting.proxies.token_data import END, TokenData, TokenDocuments, documents_of

__all__ = [
    "END",
    "GptProxy",
    "Losses",
    "NgramProxy",
    "Proxy",
    "TokenData",
    "TokenDocuments",
    "Trainer",
    "documents_of",
]
