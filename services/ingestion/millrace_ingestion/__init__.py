"""Ingestion: HTTP in, events on the log out. An answer of 200 means that the events are durable."""
