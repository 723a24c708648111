"""scripts/bench network: the whole path beside the engine's own server."""
