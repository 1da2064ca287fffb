"""Compiled kernels that count what the signals are made of, over the UTF-8 of many documents."""
