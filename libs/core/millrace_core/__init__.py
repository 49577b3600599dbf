"""What an event, a tenant, an error and a metric are. Imports the standard library and msgspec, nothing else."""
