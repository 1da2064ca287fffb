"""How well scores rank architectures, and one ranking from several proxies."""

from nasproxy.ranking.aggregate import average_ranks, rank_aggregate
from nasproxy.ranking.agreement import Agreement, Estimate, agreement
from nasproxy.ranking.report import Correlations, Stratum, correlate

__all__ = [
    "Agreement",
    "Correlations",
    "Estimate",
    "Stratum",
    "agreement",
    "average_ranks",
    "correlate",
    "rank_aggregate",
]
