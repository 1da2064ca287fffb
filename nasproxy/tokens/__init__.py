"""Batches of token ids: uniformly random, or of real text."""

from nasproxy.tokens.batch import load_tokens, random_tokens, text_tokens

__all__ = ["load_tokens", "random_tokens", "text_tokens"]
