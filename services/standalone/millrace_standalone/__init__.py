"""The whole platform in one process, and the ``millrace`` command line."""
