"""ParZC: learn how the values of a network's nodes become a score."""
