"""What each hub was told of the documents."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hub",
        sa.Column("url", _id(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("rests_until", sa.BigInteger()),
        sa.PrimaryKeyConstraint("url", name="pk_hub"),
    )


def _id() -> sa.Text:
    """Compared by bytes on both databases."""
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
