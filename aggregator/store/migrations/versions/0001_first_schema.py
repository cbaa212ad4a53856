"""Sources, entries, stories, the manifest of documents: the first schema."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("birth", sa.Column("created", sa.BigInteger(), nullable=False))
    op.create_table(
        "document",
        sa.Column("name", _id(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_document"),
    )
    op.create_table(
        "source",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", _id(), nullable=False),
        sa.Column("configured", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("first_url", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("rights", sa.Text()),
        sa.Column("etag", sa.Text()),
        sa.Column("last_modified", sa.Text()),
        sa.Column("body_hash", sa.LargeBinary()),
        sa.Column("info", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.Column("warnings", sa.Text()),
        sa.Column("first_success", sa.BigInteger()),
        sa.Column("last_success", sa.BigInteger()),
        sa.Column("last_poll", sa.BigInteger()),
        sa.Column("last_new_entry", sa.BigInteger()),
        sa.Column("last_full", sa.BigInteger()),
        sa.Column("moved", sa.Text()),
        sa.Column("retry_at", sa.BigInteger()),
        sa.Column("fresh_for", sa.BigInteger()),
        sa.Column("poll_interval", sa.BigInteger()),
        sa.Column("next_poll", sa.BigInteger()),
        sa.Column("next_poll_reason", sa.Text()),
        sa.PrimaryKeyConstraint("number", name="pk_source"),
        sa.UniqueConstraint("id", name="uq_source_id"),
    )
    op.create_table(
        "story",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", _id(), nullable=False),
        sa.Column("lead_source", sa.Integer(), nullable=False),
        sa.Column("lead_key", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("withheld", sa.Boolean(), nullable=False),
        sa.Column("published", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("announced", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_story"),
        sa.UniqueConstraint("id", name="uq_story_id"),
        sa.UniqueConstraint("updated", name="uq_story_updated"),
    )
    op.create_index(
        "ix_story_announced",
        "story",
        [sa.text("published DESC"), "position", "id"],
        **_where(_announced == sa.true()),
    )
    op.create_index(
        "ix_story_waiting", "story", ["withheld", "published"], **_where(~_announced)
    )
    op.create_table(
        "topic",
        sa.Column("key", _id(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_topic"),
    )
    op.create_table(
        "entry",
        sa.Column("source", sa.Integer(), nullable=False),
        sa.Column("key_hash", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.BigInteger(), nullable=False),
        sa.Column("link_hash", sa.BigInteger()),
        sa.Column("title_hash", sa.BigInteger()),
        sa.Column("start_hash", sa.BigInteger()),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("effective", sa.BigInteger(), nullable=False),
        sa.Column("withheld", sa.Text()),
        sa.Column("ad", sa.Boolean(), nullable=False),
        sa.Column("own_site", sa.Boolean()),
        sa.Column("tagged", sa.Text()),
        sa.Column("moves", sa.Integer(), nullable=False),
        sa.Column("story", sa.Integer()),
        sa.Column("relation", sa.Text()),
        sa.Column("score", sa.Float()),
        sa.Column("why", sa.Text()),
        sa.ForeignKeyConstraint(["source"], ["source.number"], name="fk_entry_source"),
        sa.ForeignKeyConstraint(
            ["story"],
            ["story.number"],
            name="fk_entry_story",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("source", "key_hash", name="pk_entry"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_entry_link",
        "entry",
        ["link_hash"],
        **_where(sa.text("link_hash IS NOT NULL")),
    )
    op.create_index(
        "ix_entry_loose", "entry", ["effective"], **_where(sa.text("story IS NULL"))
    )
    op.create_index(
        "ix_entry_story", "entry", ["story"], **_where(sa.text("story IS NOT NULL"))
    )
    op.create_index(
        "ix_entry_title",
        "entry",
        ["title_hash", "effective"],
        **_where(sa.text("title_hash IS NOT NULL")),
    )
    op.create_table(
        "listing",
        sa.Column("source", sa.Integer(), nullable=False),
        sa.Column("key_hashes", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source"], ["source.number"], name="fk_listing_source"
        ),
        sa.PrimaryKeyConstraint("source", name="pk_listing"),
    )
    op.create_table(
        "story_topic",
        sa.Column("story", sa.Integer(), nullable=False),
        sa.Column("topic", _id(), nullable=False),
        sa.Column("published", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["story"], ["story.number"], name="fk_story_topic_story"
        ),
        sa.PrimaryKeyConstraint("story", "topic", name="pk_story_topic"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_story_topic_published",
        "story_topic",
        ["topic", sa.text("published DESC"), "position"],
    )
    op.create_table(
        "tombstone",
        sa.Column("source", sa.Integer(), nullable=False),
        sa.Column("key_hash", sa.BigInteger(), nullable=False),
        sa.Column("content_hash", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source"], ["source.number"], name="fk_tombstone_source"
        ),
        sa.PrimaryKeyConstraint("source", "key_hash", name="pk_tombstone"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "entry_content",
        sa.Column("source", sa.Integer(), nullable=False),
        sa.Column("key_hash", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("link", sa.Text()),
        sa.Column("canonical_link", sa.Text()),
        sa.Column("summary", sa.Text()),
        sa.Column("content", sa.Text()),
        sa.Column("text", sa.Text()),
        sa.Column("authors", sa.Text()),
        sa.Column("categories", sa.Text()),
        sa.Column("enclosures", sa.Text()),
        sa.Column("language", sa.Text()),
        sa.Column("published", sa.BigInteger()),
        sa.Column("updated", sa.BigInteger()),
        sa.Column("topics", sa.Text()),
        sa.ForeignKeyConstraint(
            ["source", "key_hash"],
            ["entry.source", "entry.key_hash"],
            name="fk_entry_content_source_key_hash",
        ),
        sa.PrimaryKeyConstraint("source", "key_hash", name="pk_entry_content"),
    )


_announced = sa.column("announced", sa.Boolean())


def _id() -> sa.Text:
    """Compared by bytes on both databases."""
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _where(condition: Any) -> dict[str, Any]:
    return {"sqlite_where": condition, "postgresql_where": condition}
