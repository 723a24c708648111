"""Records what worker and coordinator say to each other, and has a run in which every kind of frame has its reason."""
