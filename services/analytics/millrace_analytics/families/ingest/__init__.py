"""What becomes of what is sent: ``/events/{event_id}``, ``/ingest/report/{customer_id}``, ``/ingest/live/{customer_id}``."""
