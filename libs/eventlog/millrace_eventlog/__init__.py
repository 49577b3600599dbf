"""The durable log between ingestion and everything else: the ports (``ports``), and one module an adapter."""
