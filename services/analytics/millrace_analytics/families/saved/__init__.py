"""Statements that are saved under a name and asked as endpoints, and the history of what was asked."""
