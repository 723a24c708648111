"""scripts/bench engine: our engine beside llama-server."""
