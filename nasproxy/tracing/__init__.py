"""The passes over a network, and what each of them records for the proxies."""

from nasproxy.tracing.batch_pass import AGREEMENTS, WEIGHT_GRADIENTS
from nasproxy.tracing.count_pass import MULTIPLY_ACCUMULATES, PARAMETER_COUNTS, WEIGHTS
from nasproxy.tracing.data_free_pass import LOG_SYNAPTIC_FLOW
from nasproxy.tracing.records import Pass, Record, Trace

__all__ = [
    "AGREEMENTS",
    "LOG_SYNAPTIC_FLOW",
    "MULTIPLY_ACCUMULATES",
    "PARAMETER_COUNTS",
    "WEIGHTS",
    "WEIGHT_GRADIENTS",
    "Pass",
    "Record",
    "Trace",
]
