"""The realtime family: ``/query``, ``/dashboard/realtime/{customer_id}``, ``/events/stream/{customer_id}``."""
