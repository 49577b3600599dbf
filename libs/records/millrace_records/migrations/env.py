"""Alembic calls this: run the migrations on the connection that it is given (``millrace_records.schema``)."""

from alembic import context

from millrace_records.models import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
