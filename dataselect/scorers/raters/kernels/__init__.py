"""Compiled kernels that read the UTF-8 of a batch once and look at its words and n-grams."""
