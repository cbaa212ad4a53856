"""What stories, places and events need: see the columns and tables below."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("entry_content", sa.Column("events", sa.Text()))
    op.add_column("entry_content", sa.Column("places", sa.Text()))
    op.add_column("entry", sa.Column("placed", sa.Text()))
    op.create_table(
        "calendar_event",
        sa.Column("uid", _id(), nullable=False),
        sa.Column("first_day", sa.Integer(), nullable=False),
        sa.Column("last_day", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("uid", name="pk_calendar_event"),
    )
    op.create_index("ix_calendar_event_last_day", "calendar_event", ["last_day"])
    op.create_table(
        "calendar_telling",
        sa.Column("uid", _id(), nullable=False),
        sa.Column("story", _id(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["uid"],
            ["calendar_event.uid"],
            name="fk_calendar_telling_uid",
        ),
        sa.PrimaryKeyConstraint("uid", "story", name="pk_calendar_telling"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_calendar_telling_story", "calendar_telling", ["story"])
    op.create_table(
        "calendar_story",
        sa.Column("story", _id(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("story", name="pk_calendar_story"),
    )


def _id() -> sa.Text:
    """Compared by bytes on both databases."""
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
