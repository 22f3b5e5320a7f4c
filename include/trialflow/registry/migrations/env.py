"""Run migrations on the connection handed over by `trialflow.registry.migration`."""

from alembic import context

from trialflow.registry.migration import VERSION_TABLE
from trialflow.registry.schema import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
