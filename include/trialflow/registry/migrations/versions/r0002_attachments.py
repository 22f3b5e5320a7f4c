"""Messages with links and attachments; where a message was posted, and what was refused."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from trialflow.registry.migrations.versions.r0001_record import keep

revision = "r0002"
down_revision = "r0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and tables. What was posted before says neither where nor in which thread."""
    op.add_column("messages", sa.Column("links", sa.Text(), nullable=False, server_default="{}"))
    op.add_column("postings", sa.Column("place", sa.Text(), nullable=True))
    op.add_column("postings", sa.Column("thread_ts", sa.Text(), nullable=True))
    op.add_column("postings", sa.Column("problem", sa.Text(), nullable=True))
    op.create_table(
        "attachments",
        sa.Column("id", sa.Integer(), nullable=False),
        *_texts("key", "name", "kind", "document"),
        sa.PrimaryKeyConstraint("id", name="pk_attachments"),
        sa.ForeignKeyConstraint(["key"], ["messages.key"], name="fk_attachments_key"),
        sa.UniqueConstraint("key", "name", name="uq_attachments"),
    )
    op.create_table(
        "attached",
        *_texts("key", "name", "ref", "problem"),
        sa.Column("attached_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", "name", name="pk_attached"),
        sa.ForeignKeyConstraint(["key"], ["messages.key"], name="fk_attached_key"),
    )
    for table in ("attachments", "attached"):
        keep(table)


def downgrade() -> None:
    """Refuse: the record only grows."""
    raise NotImplementedError("the record has no way back; restore a back-up")


def _texts(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]
