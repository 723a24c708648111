"""scripts/bench: measurements side by side with a peer."""
