"""The metric layer: typed questions about a tenant's events, compiled to SQL with bound values. No HTTP is in it."""
