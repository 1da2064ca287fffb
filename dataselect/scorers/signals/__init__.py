"""Rule-based quality signals of documents, from compiled kernels over their UTF-8."""

from dataselect.scorers.signals.scorer import ALL, LIGHT, SIGNALS, Signals, signals

__all__ = ["ALL", "LIGHT", "SIGNALS", "Signals", "signals"]
