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
