"""Pictures that are odd or meant to break something: `cases` has them, `__main__` has them read and sent."""
