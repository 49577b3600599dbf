"""Dashboards: one that is stored, in the shapes of two documents, with its values, by link, and as a document."""
