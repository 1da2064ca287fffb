"""NAS-Bench-201: 15,625 cells of four nodes and six edges in a small residual skeleton.

Reference: Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture
Search", ICLR 2020.
"""

from nasproxy.spaces.nasbench201.cell import Cell
from nasproxy.spaces.nasbench201.skeleton import Skeleton
from nasproxy.spaces.nasbench201.space import NASBench201

__all__ = ["Cell", "NASBench201", "Skeleton"]
