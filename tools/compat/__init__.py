"""Real clients against a network of real processes: what each does, and what came of it, for docs/compatibility.md."""
