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
