"""What runs inside the engine's process: the step loop, batching, the prefix cache and sampling."""
