"""What Alembic runs: the steps, on the connection and inside of the transaction of the caller of `migrate`."""

from alembic import context

settings = context.config.attributes
context.configure(connection=settings["connection"], version_table=settings["version_table"])
with context.begin_transaction():
    context.run_migrations()
