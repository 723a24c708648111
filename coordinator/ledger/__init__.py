"""Double entry: orders, the book that decides on them, their one writer, and what is read of it."""
