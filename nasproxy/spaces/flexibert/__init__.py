"""FlexiBERT: small BERT-like encoders of two or four different layers."""

from nasproxy.spaces.flexibert.space import FlexiBERT

__all__ = ["FlexiBERT"]
