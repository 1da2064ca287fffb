"""The passes over a network, and what each of them records for the proxies."""

from nasproxy.tracing.batch_pass import (
    AGREEMENTS,
    CHANNEL_SALIENCIES,
    HESSIAN_PRODUCTS,
    INPUT_JACOBIAN,
    UNIT_PATTERNS,
    WEIGHT_GRADIENTS,
)
from nasproxy.tracing.block_pass import GRADIENT_GAINS, SPECTRUM_ENTROPIES
from nasproxy.tracing.count_pass import LABELS, MULTIPLY_ACCUMULATES, PARAMETER_COUNTS, WEIGHTS
from nasproxy.tracing.data_free_pass import LOG_SYNAPTIC_FLOW
from nasproxy.tracing.halves_pass import HALF_GRADIENTS
from nasproxy.tracing.noise_pass import LEAST_EIGENVALUES
from nasproxy.tracing.records import Pass, Record, Trace
from nasproxy.tracing.sample_pass import SUMMED_SIGNS, TANGENT_KERNEL

__all__ = [
    "AGREEMENTS",
    "CHANNEL_SALIENCIES",
    "GRADIENT_GAINS",
    "HALF_GRADIENTS",
    "HESSIAN_PRODUCTS",
    "INPUT_JACOBIAN",
    "LABELS",
    "LEAST_EIGENVALUES",
    "LOG_SYNAPTIC_FLOW",
    "MULTIPLY_ACCUMULATES",
    "PARAMETER_COUNTS",
    "SPECTRUM_ENTROPIES",
    "SUMMED_SIGNS",
    "TANGENT_KERNEL",
    "UNIT_PATTERNS",
    "WEIGHTS",
    "WEIGHT_GRADIENTS",
    "Pass",
    "Record",
    "Trace",
]
