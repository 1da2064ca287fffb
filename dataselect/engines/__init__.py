"""The same job on this machine or on Ray."""
