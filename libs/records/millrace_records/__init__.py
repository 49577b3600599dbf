"""What the platform remembers about itself beside the events: tenants, decisions, saved state; on SQLite or PostgreSQL."""
