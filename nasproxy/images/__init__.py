"""Batches of labelled images: ``load_batch`` and the sources it reads."""

from nasproxy.images.batch import SOURCES, load_batch
from nasproxy.images.image_set import ImageSet

__all__ = ["SOURCES", "ImageSet", "load_batch"]
