"""scripts/chaos: what a network of real processes does when things go wrong or much comes at once."""
