"""Entries are added to the index of words many at a time (store/words.py)."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "recent",
        sa.Column("number", number, autoincrement=False, nullable=False),
        sa.Column("stems", sa.LargeBinary(), nullable=False),
        sa.Column("heaviest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_recent"),
    )
