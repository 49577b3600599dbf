"""What tenants write about their data: descriptions of events and properties, and segments."""
