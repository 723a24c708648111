"""What runs inside that process: diffusers, and the way from a request to the arguments of a pipeline."""
