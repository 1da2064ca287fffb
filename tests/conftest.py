"""One thread a process, before anything imports torch: several test processes share the cores."""

import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import torch  # noqa: E402 the variables have to be there before

torch.set_num_threads(1)
