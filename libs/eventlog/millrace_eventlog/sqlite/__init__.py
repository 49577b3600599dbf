"""The log in one SQLite file, for one process. ``open.open_sqlite_log`` is the way in."""
