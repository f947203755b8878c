"""Run the migrations on the connection that guahao.store.kernel.migrate hands over."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    # Each migration commits by itself: a long list never holds its locks together.
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
