"""Records of the platform and its cache: tenants, decisions, saved state; limits, locks, messages between processes."""
