"""The command nasproxy."""
