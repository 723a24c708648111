"""The command line: what an owner types, and what the terminal shows."""
