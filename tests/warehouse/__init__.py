"""Facts against slow, obvious recomputations."""
