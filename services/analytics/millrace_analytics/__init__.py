"""Answers questions: SQL, the live dashboard, live streams."""
