"""What intake remembers besides: see the columns and tables below."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


# Compared and ordered by bytes, whatever the server's locale.
ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("birth", sa.Column("believed", sa.BigInteger()))
    op.add_column("source", sa.Column("rung", sa.Text()))
    op.add_column("source", sa.Column("absences", sa.Text()))
    op.add_column("source", sa.Column("rhythm", sa.LargeBinary()))
    op.add_column("entry", sa.Column("withdrawn", sa.BigInteger()))
    op.create_table(
        "alert",
        sa.Column("source", ID, nullable=False),
        sa.Column("code", ID, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("fix", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "code", name="pk_alert"),
    )
    op.create_table(
        "notice",
        sa.Column("id", ID, nullable=False),
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
    op.add_column("source", sa.Column("pushes", sa.Text()))
    op.create_table(
        "subscription",
        sa.Column("token", ID, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("hub", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("callback", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.BigInteger()),
        sa.Column("ask_at", sa.BigInteger(), nullable=False),
        sa.Column("renew_at", sa.BigInteger()),
        sa.Column("expires", sa.BigInteger()),
        sa.PrimaryKeyConstraint("token", name="pk_subscription"),
    )
