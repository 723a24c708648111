"""The direct endpoints for pictures and films: requests read, answers written."""
