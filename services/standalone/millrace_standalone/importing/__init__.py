"""Events from files, through the public API, so that a file imported twice is stored once."""
