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
    op.add_column("entry_content", sa.Column("origin", sa.Text()))
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
    op.create_table(
        "signature",
        sa.Column("number", _row_number(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Integer(), nullable=False),
        sa.Column("key_hash", sa.BigInteger(), nullable=False),
        sa.Column("effective", sa.BigInteger(), nullable=False),
        sa.Column("sums", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_signature"),
        sa.UniqueConstraint("source", "key_hash", name="uq_signature_source_key_hash"),
    )
    op.create_index("ix_signature_effective", "signature", ["effective"])
    op.create_table(
        "stem",
        sa.Column("hash", _row_number(), autoincrement=False, nullable=False),
        sa.Column("frequency", sa.Float(), nullable=False),
        sa.Column("postings", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("hash", name="pk_stem"),
    )
    op.create_table(
        "corpus",
        sa.Column("row", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("entries", sa.Float(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row", name="pk_corpus"),
    )
    op.create_table(
        "decision",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("decided", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("story", _id(), nullable=False),
        sa.Column("other", _id(), nullable=False),
        sa.Column("source", sa.Integer()),
        sa.Column("key_hash", sa.BigInteger()),
        sa.PrimaryKeyConstraint("number", name="pk_decision"),
    )
    op.create_index("ix_decision_other", "decision", ["other"])
    op.create_index("ix_decision_story", "decision", ["story"])


def _id() -> sa.Text:
    """Compared by bytes on both databases."""
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _row_number() -> sa.BigInteger:
    """The row number itself on SQLite."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")
