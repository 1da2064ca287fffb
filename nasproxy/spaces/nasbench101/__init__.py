"""NAS-Bench-101: cells of up to seven nodes and nine edges, operations on the nodes.

Reference: Ying et al., "NAS-Bench-101: Towards Reproducible Neural Architecture Search", ICML 2019.
"""

from nasproxy.spaces.nasbench101.graph import Graph
from nasproxy.spaces.nasbench101.space import NASBench101

__all__ = ["Graph", "NASBench101"]
