"""params and flops: the sizes every other proxy has to beat."""

from nasproxy.proxies.proxy import Proxy
from nasproxy.tracing.count_pass import MULTIPLY_ACCUMULATES, PARAMETER_COUNTS

__all__ = ["FLOPS", "PARAMS"]

PARAMS = Proxy(
    name="params",
    summary="number of parameters",
    needs=(PARAMETER_COUNTS,),
    statistic=lambda trace: {name: float(n) for name, n in trace[PARAMETER_COUNTS].items()},
    reads="modules with parameters",
    reference="a baseline",
    depends_on_spelling=True,
)

FLOPS = Proxy(
    name="flops",
    summary="multiply-accumulates of one sample: convolutions, linear layers, matrix products",
    needs=(MULTIPLY_ACCUMULATES,),
    statistic=lambda trace: {name: float(n) for name, n in trace[MULTIPLY_ACCUMULATES].items()},
    reads="convolutions, linear layers, attention",
    reference="a baseline; counted as in NAS-Bench-201 (Dong and Yang, ICLR 2020)",
    depends_on_spelling=True,
)
