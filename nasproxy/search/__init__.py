"""Search over a space on Optuna's ask and tell."""
