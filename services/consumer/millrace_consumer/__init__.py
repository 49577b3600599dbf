"""Moves events from the log into the warehouse, each exactly once in effect (docs/adr/0002-exactly-once-effect.md)."""
