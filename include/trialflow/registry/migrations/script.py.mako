"""${message}."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema here from the one before."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Refuse: the record only grows."""
    raise NotImplementedError("the record has no way back; restore a back-up")
