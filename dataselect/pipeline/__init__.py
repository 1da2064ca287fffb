"""Score, learn, select and report in one resumable run."""

from dataselect.pipeline.recipe import Recipe, read_recipe
from dataselect.pipeline.run import run_recipe

__all__ = ["Recipe", "read_recipe", "run_recipe"]
