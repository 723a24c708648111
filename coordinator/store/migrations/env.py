"""What Alembic runs: the steps, on the connection and inside of the transaction of whoever called `migrate`."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
