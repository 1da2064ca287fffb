"""AutoFormer-Tiny: vision transformers whose width, depth, heads and MLPs are chosen."""

from nasproxy.spaces.autoformer.architecture import Transformer
from nasproxy.spaces.autoformer.space import AutoFormer

__all__ = ["AutoFormer", "Transformer"]
