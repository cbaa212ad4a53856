"""What archives and withdrawals need; stories that are published already get numbers."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("entry", sa.Column("removed", sa.BigInteger()))
    op.create_table(
        "publication",
        sa.Column("feed", _id(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("story", _id(), nullable=False),
        sa.Column("stale", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("feed", "number", name="pk_publication"),
        sa.UniqueConstraint("story", "feed", name="uq_publication_story_feed"),
        sqlite_with_rowid=False,
    )
    stale = sa.column("stale", sa.Boolean())
    op.create_index(
        "ix_publication_stale",
        "publication",
        ["feed", "number"],
        sqlite_where=stale,
        postgresql_where=stale,
    )
    op.create_table(
        "withdrawal",
        sa.Column("story", _id(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("for_good", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("story", name="pk_withdrawal"),
    )
    op.create_index("ix_withdrawal_since", "withdrawal", ["since"])
    op.create_table(
        "request",
        sa.Column("scope", _id(), nullable=False),
        sa.Column("target", _id(), nullable=False),
        sa.Column("undo", sa.Boolean(), nullable=False),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "target", name="pk_request"),
    )
    for statement in _fill:
        op.execute(statement)


_fill = (
    """
    INSERT INTO publication (feed, number, story, stale)
    SELECT '', row_number() OVER (ORDER BY published, id), id, FALSE
    FROM story WHERE announced
    """,
    """
    INSERT INTO publication (feed, number, story, stale)
    SELECT topic, row_number() OVER (PARTITION BY topic ORDER BY s.published, id),
        id, FALSE
    FROM story_topic JOIN story AS s ON s.number = story_topic.story WHERE announced
    """,
    """
    INSERT INTO withdrawal (story, since, for_good)
    SELECT s.id, e.withdrawn, FALSE
    FROM story AS s JOIN entry AS e
        ON e.source = s.lead_source AND e.key_hash = s.lead_key
    WHERE s.announced AND s.withheld AND e.withdrawn IS NOT NULL
    """,
)


def _id() -> sa.Text:
    """Compared by bytes on both databases."""
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
