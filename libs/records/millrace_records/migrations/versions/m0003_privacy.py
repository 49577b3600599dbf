"""What is kept of a tenant's events, for how long, and who was erased."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the settings of tenants, make the table of erasures."""
    for column in (
        sa.Column("denied", sa.Text(), nullable=False, server_default="[]"),
        sa.Column("hashed", sa.Text(), nullable=False, server_default="[]"),
        sa.Column("hash_secret", sa.String(64), nullable=False, server_default=""),
        sa.Column("signals", sa.String(16)),
        sa.Column("event_days", sa.Text(), nullable=False, server_default="{}"),
    ):
        op.add_column("tenants", column)
    op.create_table(
        "erasures",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("salt", sa.String(64), nullable=False),
        sa.Column("digests", sa.Text(), nullable=False),
        sa.Column("before", sa.BigInteger(), nullable=False),
        sa.Column("hours", sa.Text(), nullable=False),
        sa.Column("rows", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_erasures"),
    )
    op.create_index("ix_erasures_tenant", "erasures", ["tenant"])
    op.create_index("ix_erasures_state", "erasures", ["state"])
