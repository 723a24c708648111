"""Our own count and bounds of a prompt's tokens, which a worker's claim is held against."""
