"""Alembic's entry point: runs the revisions on the connection that `store.migrate` hands over.

The caller owns the transaction, the backup and (on SQLite) the switched-off foreign keys.
"""

from alembic import context

from store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
    compare_server_default=True,
)
context.run_migrations()
