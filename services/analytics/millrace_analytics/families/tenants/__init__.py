"""Who asks, which tenants they may look at, and in which time zone a tenant's days are."""
