"""A small decoder as a proxy: rotary positions, RMS norms, 0.3 to 18 million parameters."""

from dataselect.weighting.proxies.gpt.proxy import GptProxy, GptTrainer
from dataselect.weighting.proxies.gpt.shapes import SHAPES, Shape, shape_of

__all__ = ["SHAPES", "GptProxy", "GptTrainer", "Shape", "shape_of"]
