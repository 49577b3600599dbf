"""Questions in plain language: what reads them, what is asked of the warehouse, and what is said about the answer."""
