r"""jacob_cov and epe_nas: how differently a network's output depends on each sample's input.

$J_i = \partial \sum_k f_k / \partial x_i$ is the gradient of the summed outputs by the input of
sample $i$, flattened; for token ids, by their embeddings. With $R$ the correlation matrix of the
rows of $J$, $\sigma$ its eigenvalues and $\varepsilon = 10^{-5}$,

$$s_\text{jacob\_cov} = - \sum_i \Big[ \log(\sigma_i + \varepsilon)
  + \frac{1}{\sigma_i + \varepsilon} \Big]$$

which is largest, $-n$, where no two samples are correlated. With $R^{(c)}$ the correlation matrix
of the rows of class $c$ and $e_c = \sum_{ij} \log(|R^{(c)}_{ij}| + \varepsilon)$,

$$s_\text{epe\_nas} = \sum_c |e_c| \quad\text{up to 100 classes, else}\quad
  \frac{1}{C} \sum_{c < d} \Big| \frac{e_c}{n_c} - \frac{e_d}{n_d} \Big|$$

over the $C$ classes that the batch holds, $n_c$ samples each. The authors' code counts each pair
of classes twice in the second form.

References: Mellor et al., Neural Architecture Search without Training, arXiv 2006.04647v1
(the first version; later versions define naswot). Lopes, Alirezazadeh and Alexandre, EPE-NAS,
ICANN 2021.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from nasproxy.errors import NasproxyError
from nasproxy.proxies.proxy import Proxy
from nasproxy.tracing.batch_pass import INPUT_JACOBIAN
from nasproxy.tracing.count_pass import LABELS
from nasproxy.tracing.records import Trace

__all__ = ["EPE_NAS", "JACOB_COV"]

_EPSILON = 1e-5
_MANY_CLASSES = 100


def _correlations(jacobian: Float[Tensor, "n d"]) -> Float64[np.ndarray, "n n"]:
    """Pearson's correlation of every two rows."""
    rows = jacobian.double()
    rows = rows - rows.mean(dim=1, keepdim=True)
    norms = torch.linalg.vector_norm(rows, dim=1)
    constant = norms <= 1e-12 * torch.linalg.vector_norm(jacobian.double(), dim=1)
    if bool(constant.any()):
        raise NasproxyError(
            f"the gradient by the input of sample {int(constant.nonzero()[0])} of the batch is "
            "zero or the same everywhere, and correlates with nothing",
            accepted="a network through which a signal passes from the input to the output",
        )
    rows = rows / norms[:, None]
    found: Float64[np.ndarray, "n n"] = (rows @ rows.T).cpu().numpy()
    return found


def _eigenvalues_of_correlations(trace: Trace) -> dict[str, float]:
    eigenvalues = np.linalg.eigvalsh(_correlations(trace[INPUT_JACOBIAN])).clip(min=0) + _EPSILON
    return {"": float(-(np.log(eigenvalues) + 1 / eigenvalues).sum())}


def _correlations_within_classes(trace: Trace) -> dict[str, float]:
    labels = trace[LABELS]
    if labels.values.ndim != 1:
        raise NasproxyError(
            f"the labels have the shape {tuple(labels.values.shape)}",
            accepted="one class for each sample, int64 [n]",
        )
    logs = np.log(np.abs(_correlations(trace[INPUT_JACOBIAN])) + _EPSILON)
    present, indices = np.unique(labels.values.cpu().numpy(), return_inverse=True)
    members = [indices == c for c in range(len(present))]
    sums = np.array([logs[np.ix_(rows, rows)].sum() for rows in members])
    if (labels.classes or len(present)) <= _MANY_CLASSES:
        return {"": float(np.abs(sums).sum())}
    means = sums / [rows.sum() for rows in members]
    return {"": float(np.abs(means[:, None] - means).sum() / 2 / len(present))}


_READS = "float inputs [n, ...], or token ids that an nn.Embedding reads"

JACOB_COV = Proxy(
    name="jacob_cov",
    summary="how uncorrelated the Jacobians of different samples are",
    needs=(INPUT_JACOBIAN,),
    statistic=_eigenvalues_of_correlations,
    reads=_READS,
    reference="Mellor et al., Neural Architecture Search without Training, arXiv 2006.04647v1",
    min_batch=2,
)

EPE_NAS = Proxy(
    name="epe_nas",
    summary="how uncorrelated the Jacobians of samples of one class are",
    needs=(INPUT_JACOBIAN, LABELS),
    statistic=_correlations_within_classes,
    reads=_READS,
    reference="Lopes, Alirezazadeh and Alexandre, EPE-NAS, ICANN 2021",
    min_batch=2,
)
