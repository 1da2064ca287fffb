"""Words of a text: how they are found, how frequent they are, which lists they stand in."""
