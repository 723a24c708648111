"""How a model is laid out on this machine, and how fast it is there."""
