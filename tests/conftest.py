"""One thread a process, before anything imports torch: several test processes share the cores."""

import os
import pkgutil
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import torch  # noqa: E402 the variables have to be there before

torch.set_num_threads(1)

from beartype import BeartypeConf  # noqa: E402
from beartype.claw import beartype_package  # noqa: E402
from hypothesis import settings  # noqa: E402
from jaxtyping import install_import_hook  # noqa: E402

# Types of all calls are checked, and shapes with them. Cells of NAS-Bench-201, which are made a
# million times and have no arrays, have types alone: the check of shapes doubles what tests take.
_CELLS = "nasproxy.spaces.nasbench201"
_ROOT = Path(__file__).parents[1]
_SHAPED = {
    f"{package}.{module.name}"
    for package in ("nasproxy", "nasproxy.spaces")
    for module in pkgutil.iter_modules([str(_ROOT / package.replace(".", "/"))])
} - {"nasproxy.spaces", _CELLS} | {f"{_CELLS}.network"}
install_import_hook(["zerocost", "dataselect", *sorted(_SHAPED)], "beartype.beartype")
beartype_package(_CELLS, conf=BeartypeConf(claw_is_pep526=False))

# A shared machine may stop for longer than any deadline; slow tests show in --durations.
settings.register_profile("no_deadline", deadline=None)
settings.load_profile("no_deadline")
