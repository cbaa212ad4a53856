"""What intake remembers besides: see the columns and tables below."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("source", sa.Column("absences", sa.Text()))
    op.add_column("entry", sa.Column("withdrawn", sa.BigInteger()))
    op.create_table(
        "alert",
        sa.Column("source", _id(), nullable=False),
        sa.Column("code", _id(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("fix", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "code", name="pk_alert"),
    )
    op.create_table(
        "notice",
        sa.Column("id", _id(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("alert", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notice"),
    )
    op.create_table(
        "alert_watch",
        sa.Column("trusted_since", sa.BigInteger()),
        sa.Column("looked_at", sa.BigInteger(), nullable=False),
    )
    op.create_table("outage", sa.Column("since", sa.BigInteger(), nullable=False))


def _id() -> sa.Text:
    """Compared by bytes on both databases."""
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
