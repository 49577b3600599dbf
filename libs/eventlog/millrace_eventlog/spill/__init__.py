"""Where events wait on this machine while Kafka is away (docs/adr/0007-spill.md)."""
