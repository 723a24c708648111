"""scripts/chaos cluster: what clients see when a part of a cluster of real processes dies, freezes or is replaced."""
