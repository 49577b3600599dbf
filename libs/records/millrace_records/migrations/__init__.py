"""Alembic's migrations of the records, forward only. Each runs in one transaction on both engines."""
