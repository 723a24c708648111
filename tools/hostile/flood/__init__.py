"""Frames without end, of a hostile worker and of a hostile coordinator: `floods` has them, `__main__` measures."""
