"""What can be asked: ``/schema/{customer_id}``."""
