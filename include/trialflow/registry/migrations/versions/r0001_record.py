"""The record: ten tables that only grow."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "experiments",
    "promises",
    "events",
    "summaries",
    "looks",
    "findings",
    "decisions",
    "memos",
    "messages",
    "postings",
)


def upgrade() -> None:
    """Create the tables, and the triggers that keep their rows as they are."""
    op.create_table(
        "experiments",
        sa.Column("slug", sa.Text(), nullable=False),
        _time("recorded_at"),
        sa.PrimaryKeyConstraint("slug", name="pk_experiments"),
    )
    _of_experiment(
        "promises",
        sa.Column("version", sa.Integer(), nullable=False),
        *_texts("fingerprint", "document", "plan", "reason", "by"),
        unique=("slug", "version"),
    )
    _of_experiment(
        "events",
        *_texts("kind"),
        _day(),
        *_texts("key", "detail", "by"),
        unique=("slug", "kind", "as_of", "key"),
    )
    _of_experiment(
        "summaries",
        _day(),
        _revision(),
        *_texts("data_fingerprint", "document"),
        unique=("slug", "as_of", "revision"),
    )
    _of_experiment(
        "looks",
        *_texts("variant", "metric", "purpose"),
        _day(),
        _revision(),
        *_texts("document"),
        unique=("slug", "variant", "metric", "purpose", "as_of", "revision"),
    )
    _of_experiment(
        "findings",
        *_texts("check_name"),
        _day(),
        _revision(),
        *_texts("status", "document"),
        unique=("slug", "check_name", "as_of", "revision"),
    )
    _of_experiment(
        "decisions",
        _day(),
        _revision(),
        *_texts("fingerprint", "document"),
        unique=("slug", "as_of", "revision"),
    )
    _of_experiment(
        "memos",
        *_texts("kind"),
        _day(),
        _revision(),
        *_texts("documents"),
        unique=("slug", "kind", "as_of", "revision"),
    )
    _messages()
    for table in TABLES:
        keep(table)


def downgrade() -> None:
    """Refuse: the record only grows."""
    raise NotImplementedError("the record has no way back; restore a back-up")


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", sa.Integer(), nullable=False),
        *_texts("key"),
        sa.Column("slug", sa.Text(), nullable=True),
        *_texts("channel", "thread", "payload"),
        _time("intended_at"),
        sa.PrimaryKeyConstraint("id", name="pk_messages"),
        sa.ForeignKeyConstraint(["slug"], ["experiments.slug"], name="fk_messages_slug"),
        sa.UniqueConstraint("key", name="uq_messages"),
    )
    op.create_index("ix_messages_slug", "messages", ["slug"])
    op.create_table(
        "postings",
        *_texts("key", "ts"),
        _time("posted_at"),
        sa.PrimaryKeyConstraint("key", name="pk_postings"),
        sa.ForeignKeyConstraint(["key"], ["messages.key"], name="fk_postings_key"),
    )


def _of_experiment(table: str, *columns: sa.Column[object], unique: tuple[str, ...]) -> None:
    op.create_table(
        table,
        sa.Column("id", sa.Integer(), nullable=False),
        *_texts("slug"),
        *columns,
        _time("recorded_at"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.ForeignKeyConstraint(["slug"], ["experiments.slug"], name=f"fk_{table}_slug"),
        sa.UniqueConstraint(*unique, name=f"uq_{table}"),
    )


def _texts(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _day() -> sa.Column[object]:
    return sa.Column("as_of", sa.Date(), nullable=False)


def _revision() -> sa.Column[object]:
    return sa.Column("revision", sa.Integer(), nullable=False)


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def keep(table: str) -> None:
    """Triggers: the promise of an append-only record must hold for every client, not only for this library."""
    if op.get_bind().dialect.name == "sqlite":
        for action in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} "
                "BEGIN SELECT RAISE(ABORT, 'the record is append-only'); END"
            )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION trialflow_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the record is append-only'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION trialflow_append_only()"
    )
