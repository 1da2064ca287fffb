"""One thread a process, before anything imports torch: several test processes share the cores."""

import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import torch  # noqa: E402 the variables have to be there before

torch.set_num_threads(1)

from hypothesis import settings  # noqa: E402

# A shared machine may stop for longer than any deadline; slow tests show in --durations.
settings.register_profile("no_deadline", deadline=None)
settings.load_profile("no_deadline")
