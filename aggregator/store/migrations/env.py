"""What Alembic runs: the revisions, on the connection and in the transaction given to it."""

from alembic import context

from aggregator.store.schema import whole_metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=whole_metadata(),
    # SQLite cannot alter most things in place: a changed table is built anew.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
