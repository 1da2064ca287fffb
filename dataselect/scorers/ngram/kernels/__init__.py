"""Compiled kernels of n-gram language models: tokens, counts, probabilities, scores."""
