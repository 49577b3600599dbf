"""The warehouse: its ports (``ports``), its tables (``migrations``), the gate for SQL of tenants (``gate``), one package an
adapter."""
