"""Compiled kernels of the n-gram proxy."""
