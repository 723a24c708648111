"""The steps that lead to the schema of this program, for Alembic."""
