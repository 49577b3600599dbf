"""The schema of the warehouse and how it came to be."""
