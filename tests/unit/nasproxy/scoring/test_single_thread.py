"""One thread means one thread in every library that computes."""

import json
import subprocess
import sys

# In a process of its own: what another test imported would be found however late.
SCRIPT = """
import json
from nasproxy.scoring.workers import single_thread
with single_thread():
    import numpy, scipy.linalg, torch
    from threadpoolctl import threadpool_info
    print(json.dumps([torch.get_num_threads(), *(p["num_threads"] for p in threadpool_info())]))
"""


def test_libraries_that_are_imported_later_have_one_thread_too():
    environment = {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
    printed = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
    ).stdout
    threads = json.loads(printed)
    assert len(threads) >= 3  # torch, NumPy and SciPy
    assert set(threads) == {1}
