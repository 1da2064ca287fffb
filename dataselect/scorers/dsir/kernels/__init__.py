"""Compiled kernels of DSIR: words and pairs of words into buckets."""
