"""A thin file for each trainer; in a plain loop `LossReweighter` needs none."""
