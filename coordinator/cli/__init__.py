"""The coordinator's command line."""
